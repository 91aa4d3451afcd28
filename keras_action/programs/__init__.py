"""The command `keras-action`, and what its programs share."""

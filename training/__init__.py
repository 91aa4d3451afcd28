"""What one runs to train and evaluate: `keras-action train`, `.evaluate`, `.demo`. Thin: the library does it."""

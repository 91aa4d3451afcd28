"""What one runs to train and evaluate: `python -m training.train`, `.evaluate`, `.demo`. Thin: the library does it."""

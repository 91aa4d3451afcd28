"""Programs that put a model to use: `keras-action convert`, `keras-action recognize`."""

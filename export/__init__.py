"""Programs that put a model to use: `python -m export.convert`, `python -m export.recognize`."""

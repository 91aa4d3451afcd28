"""Programs that put a model to use: `python -m export.to_litert`, `python -m export.recognize`."""

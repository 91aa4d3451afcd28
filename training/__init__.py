"""Programs that train and evaluate models: `keras-action train`, `keras-action evaluate`."""

"""The packages of the extra `litert`, imported where they are needed."""

import importlib


def require(name):
    """Import a module of the extra `litert`, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"LiteRT files need the package {name.split('.')[0].replace('_', '-')}. "
            "Install it with: pip install 'keras_action[litert]'"
        ) from error

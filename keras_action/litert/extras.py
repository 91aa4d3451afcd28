"""Imports of the packages of the extra `litert`, when they are needed."""

import importlib


def require(name):
    """Imports a module of the extra `litert`; the error says how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"LiteRT files need the package {name.split('.')[0].replace('_', '-')}. "
            "Install it with: pip install 'keras_action[litert]'"
        ) from error

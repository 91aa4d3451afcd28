"""Imports of the packages of the extra `litert`, when they are needed."""

import importlib

from keras_action.utils.optional_import import optional_import


def require(name):
    """Imports a module of the extra `litert`; the error says how to install it."""
    with optional_import("A LiteRT file", name.split(".")[0].replace("_", "-"), "'keras_action[litert]'"):
        return importlib.import_module(name)

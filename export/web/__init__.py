"""The recogniser in a browser: a page, its runtime, and a server for both."""

from .program import main, make_parser

__all__ = ["main", "make_parser"]

"""The studio: a page on which gestures are recorded, trained and tried."""

from .program import main, make_parser

__all__ = ["main", "make_parser"]

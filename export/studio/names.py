"""Names of gestures and takes, which are valid names of files on all systems."""

import os
import re
import unicodedata

from keras_action.data.decoding import VIDEO_SUFFIXES
from keras_action.utils.labels import normalize_label

MAX_LENGTH = 60

_FORBIDDEN = frozenset('<>:"/\\|?*')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_TAKE = re.compile(r"take_(\d{8}-\d{6})_\d+")
_SESSION = re.compile(r"\d{8}-\d{6}")


def check_label(label):
    """The name of a gesture in Unicode NFC. It must be a valid name of a folder.

    Raises:
        ValueError: If it is not. The page shows the message.
    """
    if not isinstance(label, str):
        raise ValueError("The name of a gesture must be text.")
    label = normalize_label(label)
    if not label:
        raise ValueError("Give the gesture a name.")
    if len(label) > MAX_LENGTH:
        raise ValueError(f"The name of a gesture can have {MAX_LENGTH} letters at most.")
    bad = sorted({letter for letter in label if letter in _FORBIDDEN or unicodedata.category(letter)[0] == "C"})
    if bad:
        shown = " ".join(letter if letter.isprintable() else f"U+{ord(letter):04X}" for letter in bad)
        raise ValueError(f"The name of a gesture can't contain {shown}")
    if label.startswith(".") or label.endswith(".") or _RESERVED.fullmatch(label):
        raise ValueError(f"A folder can't be called {label}. Choose another name.")
    return label


def is_take_name(name):
    """Whether a text can be the name of a take: one file name of a visible file, no path."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= 255
        and not name.startswith(".")
        and not any(letter in "/\\:" or unicodedata.category(letter)[0] == "C" for letter in name)
    )


def is_video_name(name):
    """Whether a file has the suffix of a video."""
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def is_session(text):
    """Whether a text is the name of a recording session: the time at which it began, as `20261129-101500`."""
    return isinstance(text, str) and _SESSION.fullmatch(text) is not None


def session_of(name):
    """The recording session in the name of a take, or `None` for files from elsewhere."""
    match = _TAKE.match(name)
    return match and match[1]

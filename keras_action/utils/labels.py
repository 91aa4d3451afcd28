"""Names of classes, and the text files that hold them."""

import re
import unicodedata
from pathlib import Path

_NUMBERED = re.compile(r"(\d+)[\s,;:.)\]]+\S")


def normalize_label(label):
    """A label in the one form that is compared: Unicode NFC, no spaces at its ends.

    File systems and editors write "ü" as one character or as two, which look alike.
    """
    return unicodedata.normalize("NFC", label).strip()


def read_text(path):
    """Reads a text file in UTF-8, with or without a byte order mark.

    Args:
        path: The file.

    Returns:
        Its text.

    Raises:
        ValueError: If it has another encoding. The message names the file.
        OSError: If the file can't be read.
    """
    content = Path(path).read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"{path}: the file is in UTF-16; save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8: {error}") from error


def read_labels(path):
    """Reads the names of classes from a text file, one a line, in the order of their ids.

    Args:
        path: A text file in UTF-8. Blank lines are skipped.

    Returns:
        A tuple of names, in Unicode NFC.

    Raises:
        ValueError: If there are no names, one is there twice, or the lines are numbered ("0 wave"). The message names
            the file and the line.
        OSError: If the file can't be read.

    Example:

    >>> read_labels("labels.txt")
    ('none', 'wave')
    """
    lines = [(number, normalize_label(line)) for number, line in enumerate(read_text(path).splitlines(), start=1)]
    lines = [(number, label) for number, label in lines if label]
    if not lines:
        raise ValueError(f"{path}: the file has no names of classes")
    numbered = [_NUMBERED.match(label) for _, label in lines]
    if all(numbered):
        ids = [int(match[1]) for match in numbered]
        if ids[0] in (0, 1) and ids == list(range(ids[0], ids[0] + len(ids))):
            number, label = lines[0]
            raise ValueError(
                f"{path}, line {number}: expected a name alone, without its number: ids follow from the order of the "
                f"lines. Received: {label!r}"
            )
    known = {}
    for number, label in lines:
        if label in known:
            raise ValueError(f"{path}, line {number}: the same name is on line {known[label]}. Received: {label!r}")
        known[label] = number
    return tuple(known)

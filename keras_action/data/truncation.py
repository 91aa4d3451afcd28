"""Detects files that are shorter than their container states.

MP4 and MOV are not checked here: their index states the number of frames.
"""

import os

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_OGG_PAGE = 65307  # bytes of the longest page
_FLV_TAGS = (8, 9, 18)  # sound, picture, data


def is_truncated(path, container):
    """Whether a file is shorter than its structure states. Players show such a file up to its end.

    Args:
        path: A video file.
        container: FFmpeg's name of its container.

    Returns:
        `True` if the file is truncated; `False` if it is whole, or its container does not state its length.
    """
    check = _CHECKS.get(container.split(",")[0])
    if check is None:
        return False
    with open(path, "rb") as file:
        return check(file, os.path.getsize(path))


def _riff(file, size):
    """AVI: chunks at the top level, each with its length; a length of 0 was never filled in."""
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(8)
        if head[:4] != b"RIFF":
            return False  # appended bytes
        length = int.from_bytes(head[4:], "little")
        if length == 0:
            return False
        place += 8 + length + length % 2
    return place > size + 1  # the last byte of padding may be missing


def _matroska(file, size):
    """Matroska and WebM: the EBML header, then a segment, whose length is unknown in live recordings."""
    place = 0
    while True:
        file.seek(place)
        head = file.read(12)
        if head[:4] not in (_EBML, _SEGMENT) or len(head) < 5 or head[4] == 0:
            return False
        width = 9 - head[4].bit_length()  # of the length: as many bytes as leading zero bits, and one
        length = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:
            return False
        place += 4 + width + length
        if head[:4] == _SEGMENT:
            return place > size


def _transport_stream(file, size):
    """MPEG transport streams: packets of equal length, each beginning with 0x47."""
    head = file.read(204 * 5)
    for length, before in ((188, 0), (192, 4), (204, 0)):  # 192: behind four bytes of time
        for first in range(before, before + length):
            if all(head[place : place + 1] == b"G" for place in range(first, first + 4 * length, length)):
                return (size - first + before) % length != 0
    return False


def _ogg(file, size):
    """Ogg: pages that begin with a table of the lengths of their parts."""
    file.seek(max(0, size - _OGG_PAGE))
    tail = file.read()
    page = tail.rfind(b"OggS")
    parts = tail[page + 27 : page + 27 + tail[page + 26]] if 0 <= page < len(tail) - 26 else None
    return parts is None or page + 27 + len(parts) + sum(parts) > len(tail)


def _gif(file, size):
    """GIF: a semicolon at its end."""
    file.seek(max(0, size - 64))
    return not file.read().rstrip(b"\0").endswith(b";")


def _flv(file, size):
    """FLV: each tag is followed by its length."""
    file.seek(size - 4)
    length = int.from_bytes(file.read(4), "big")
    if not 11 <= length <= size - 4:
        return True
    file.seek(size - 4 - length)
    tag = file.read(4)
    return tag[0] & 31 not in _FLV_TAGS or int.from_bytes(tag[1:], "big") + 11 != length


_CHECKS = {
    "avi": _riff,
    "matroska": _matroska,
    "mpegts": _transport_stream,
    "ogg": _ogg,
    "gif": _gif,
    "flv": _flv,
}

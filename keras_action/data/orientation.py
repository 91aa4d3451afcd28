"""Turns decoded frames upright, as the display matrix of their file says."""

import math
import struct

import numpy as np


def orientation(frame):
    """How a frame is shown: `(quarter_turns, flip_columns, flip_rows)`, applied in this order.

    Phones write a display matrix instead of rotating pixels; that of an editor may also flip. It is interpreted as in
    FFmpeg.

    Args:
        frame: An `av.VideoFrame`.

    Returns:
        Counterclockwise quarter turns, 0 to 3; whether left and right are then exchanged; whether top and bottom are.

    Reference: `av_display_rotation_get` and the automatic rotation of FFmpeg's command line.
    """
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return 0, False, False
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
    if not (a or b) or not (c or d):
        return 0, False, False  # not a matrix that can be inverted
    clockwise = round(math.degrees(math.atan2(b, a)) / 90) % 4
    if clockwise == 1:
        return (1, False, True) if c > 0 else (3, False, False)
    if clockwise == 3:
        return (3, False, True) if c < 0 else (1, False, False)
    if clockwise == 2:
        return 0, a < 0, d < 0
    return 0, False, d < 0


def turn(picture, orientation):
    """An image `(height, width, 3)` in an orientation that `orientation` returned."""
    quarter_turns, flip_columns, flip_rows = orientation
    if quarter_turns:
        picture = np.rot90(picture, quarter_turns)
    if flip_columns:
        picture = picture[:, ::-1]
    if flip_rows:
        picture = picture[::-1]
    return np.ascontiguousarray(picture)

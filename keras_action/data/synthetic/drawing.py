"""Motion of a finger that draws in the air, after the first-person gestures of EgoGestAR."""

import numpy as np

from keras_action.data.synthetic.motion import random_motion
from keras_action.data.synthetic.scene import Wave

_TURN = np.linspace(0, 2 * np.pi, 33)
_STAR = np.array([(0.2, 1.0), (0.5, 0.0), (0.8, 1.0), (0.0, 0.4), (1.0, 0.4), (0.2, 1.0)])

# Label → path of the fingertip, as corners in a unit square with y pointing down; None if nothing is drawn.
SYNTHETIC_DRAWINGS = {
    "swipe_left": ((1.0, 0.5), (0.0, 0.5)),
    "swipe_right": ((0.0, 0.5), (1.0, 0.5)),
    "swipe_up": ((0.5, 1.0), (0.5, 0.0)),
    "swipe_down": ((0.5, 0.0), (0.5, 1.0)),
    "circle_ccw": tuple(zip(0.5 - 0.5 * np.sin(_TURN), 0.5 - 0.5 * np.cos(_TURN), strict=True)),
    "square": ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)),
    "star": tuple(map(tuple, _STAR)),
    "tick": ((0.0, 0.3), (0.35, 1.0), (1.0, 0.0)),
    "caret": ((0.0, 1.0), (0.5, 0.0), (1.0, 1.0)),
    "cross": ((0.0, 0.0), (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)),
    "none": None,
}
_EITHER_WAY = ("square",)  # people draw it clockwise and counterclockwise, from the same corner
FINGERTIP = 0.5  # from the palm's centre, in hand coordinates


class DrawingMotion:
    """The pose of a pointing hand as a function of time, in clips: (x, y, length, angle), pixels and radians.

    The fingertip moves along the corners of a drawing; before and after, the hand rests for a moment. The forearm
    points to an elbow below the image, so that the hand turns as it moves sideways.
    """

    def __init__(self, rng, corners, size, tip=FINGERTIP):
        height, width = size
        corners = np.array(corners, float) - 0.5
        is_shape = len(corners) > 2
        tilt = rng.normal(0, np.deg2rad(7))
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        extent = np.array([width, height]) * rng.uniform(0.35, 0.7, 2)
        corners = (corners + rng.normal(0, 0.04, corners.shape) * (len(corners) < 10)) @ turn.T * extent
        room = np.array([width, height]) * 0.92 - np.ptp(corners, axis=0)
        least = np.array([width, height]) * 0.04 - corners.min(0)
        self._corners = corners + least + rng.uniform(0, 1, 2) * np.maximum(room, 0)
        # The hand slows down at corners, and each stroke has its own speed. A circle is one stroke.
        lengths = np.hypot(*np.diff(self._corners, axis=0).T)
        if len(corners) < 10:
            lengths = lengths ** rng.uniform(0.5, 1.0) * rng.uniform(0.7, 1.4, len(lengths))
        self._moments = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
        self._eases = is_shape and len(corners) < 10
        rest = rng.uniform(0, 0.18, 2)
        self.active = rest[0], 1 - rest[1]
        self._length = rng.uniform(0.45, 0.8) * min(size)
        self._elbow = np.array([rng.uniform(0.2, 1.2) * width, rng.uniform(1.5, 2.4) * height])
        if rng.random() < 0.35:  # a left arm
            self._elbow[0] = width - self._elbow[0]
        self._tip = tip
        self._sway = Wave(rng, 3, 0.5, 2.5)

    def __call__(self, time):
        share = np.clip((time - self.active[0]) / (self.active[1] - self.active[0]), 0, 1)
        stroke = np.clip(np.searchsorted(self._moments, share, side="right") - 1, 0, len(self._moments) - 2)
        begin, end = self._moments[stroke : stroke + 2]
        part = (share - begin) / (end - begin)
        if self._eases:
            part = 0.5 * part + 0.5 * part * part * (3 - 2 * part)
        x, y = self._corners[stroke] + part * (self._corners[stroke + 1] - self._corners[stroke])
        dx, dy, grow = self._sway(time) * (0.02, 0.02, 0.03)
        x, y, length = x + dx * self._length, y + dy * self._length, self._length * (1 + grow)
        angle = np.arctan2(x - self._elbow[0], self._elbow[1] - y)
        return x - self._tip * length * np.sin(angle), y + self._tip * length * np.cos(angle), length, angle


def drawing_corners(rng, label):
    """The corners of a label of `SYNTHETIC_DRAWINGS`, in an order that people draw them in; `None` for "none"."""
    corners = SYNTHETIC_DRAWINGS[label]
    backwards = label in _EITHER_WAY and rng.random() < 0.5
    return corners[::-1] if backwards else corners


def drawing_motion(rng, label, size):
    """A random motion for a label of `SYNTHETIC_DRAWINGS`; "none" is a hand that does something else."""
    corners = drawing_corners(rng, label)
    if corners is not None:
        return DrawingMotion(rng, corners, size)
    return random_motion(rng, str(rng.choice(["none", "rotate_cw", "zoom_in"], p=[0.5, 0.25, 0.25])), size, False)

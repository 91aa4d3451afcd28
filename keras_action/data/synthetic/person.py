"""A person who faces the camera and draws a path in the air, as a webcam shows it."""

import numpy as np

from keras_action.data.synthetic.drawing import FINGERTIP, DrawingMotion
from keras_action.data.synthetic.hand import POSES, SLEEVE_COLORS, Hand, capsule, rounded_box
from keras_action.data.synthetic.scene import Wave

_TIPS = {"open": 0.0, "pointing": FINGERTIP, "grasping": 0.0, "pinching": 0.36}  # what follows the path, of each pose
_HAIR_COLORS = np.array([[30, 25, 22], [75, 50, 35], [140, 110, 70], [150, 150, 150]], np.float32)
# All lengths are in units of the distance between the shoulders.
_UPPER_ARM, _FOREARM = 0.68, 0.58
_NECK = np.array([0.0, -0.2]), np.array([0.0, 0.08])
_WRIST = 0.42  # from the palm's centre, in lengths of the hand


class Person:
    """A person in front of the background of a scene. One hand draws, the other arm hangs.

    The hand rises from beside the body, follows the path where it reaches and the camera sees it, and sinks again; in
    some clips it is up already, or stays up.

    Args:
        rng: A NumPy generator. It is used by the constructor only.
        corners: The path, as `DrawingMotion` takes it, or `None` for a person who draws nothing: the hand rests or
            wanders.
        size: (height, width) of the frames in pixels.
    """

    def __init__(self, rng, corners, size):
        height, width = size
        unit = self._unit = rng.uniform(0.42, 0.75) * height
        self._throat = np.array([rng.uniform(0.36, 0.64) * width, rng.uniform(0.5, 0.75) * height])
        side = self._side = rng.choice([-1, 1])
        self._pose = str(rng.choice(list(POSES)))
        self._hand = Hand(rng, 0.6 * unit, self._pose)
        self._hand_length = rng.uniform(0.42, 0.58) * unit
        self._shirt = SLEEVE_COLORS[rng.integers(len(SLEEVE_COLORS))] * rng.uniform(0.8, 1.1)
        self._sleeve = self._shirt if rng.random() < 0.6 else self._hand.skin
        self._hair = _HAIR_COLORS[rng.integers(len(_HAIR_COLORS))]
        self._has_long_hair = rng.random() < 0.4
        self._sway, self._sway_size = Wave(rng, 4, 0.2, 1.0), rng.uniform(0.005, 0.03) * unit

        shoulder = self._throat + np.array([side * 0.5, 0.12]) * unit
        self._rest = shoulder + np.array([side * rng.uniform(-0.1, 0.35), rng.uniform(0.9, 1.3)]) * unit
        # Where the hand reaches and the camera sees it.
        low = shoulder + np.array([-0.9 - 0.35 * side, -0.75]) * unit
        high = shoulder + np.array([0.9 - 0.35 * side, 0.75]) * unit
        self._origin = np.maximum(low, (0.02 * width, 0.02 * height))
        reach = np.minimum(high, (0.98 * width, 0.98 * height)) - self._origin
        if corners is None:
            self._motion = None
            self._wander = Wave(rng, 2, 0.2, 0.8)
            self._wander_size = rng.uniform(0.0, 0.35, 2) * reach * (rng.random() < 0.6)
            self._place = rng.uniform(0.3, 0.9, 2) * reach if rng.random() < 0.5 else self._rest - self._origin
        else:
            self._motion = DrawingMotion(rng, corners, tuple(reach[::-1]), tip=0.0)
            begin, end = self._motion.active
            self._motion.active = max(begin, 0.08), min(end, 0.92)
        self._time_up = rng.uniform(0.1, 0.25, 2)  # to rise and to sink, in clips
        self._starts_up, self._ends_up = rng.random(2) < 0.3
        self._wrist_bend, self._upright = rng.uniform(0.2, 0.9), np.deg2rad(rng.uniform(-25, 25))

    @property
    def active(self):
        """Begin and end of the drawing, in clips; `None` if nothing is drawn."""
        return None if self._motion is None else self._motion.active

    def paint(self, image, to_frame, tilt, time):
        """Paints the person over `image` in place.

        Args:
            image: A float32 array of shape (H, W, 3).
            to_frame: Function from a position (x, y) in the scene to that in the image.
            tilt: Tilt of the camera in radians.
            time: In clips.
        """
        unit, side, skin = self._unit, self._side, self._hand.skin
        sway = self._sway(time) * self._sway_size
        throat = self._throat + sway[:2]
        head = throat + np.array([sway[2] * 0.7, sway[3] * 0.4 - 0.32 * unit])
        shoulder, other = (throat + np.array([sign * 0.47, 0.14]) * unit for sign in (side, -side))
        hanging = other + np.array([-side * 0.12, 0.7]) * unit
        palm, elbow, wrist, angle = self._arm(shoulder, time)

        def bar(start, end, start_radius, end_radius, color):
            _paint_bar(image, to_frame(*start), to_frame(*end), start_radius * unit, end_radius * unit, color)

        bar(other, hanging, 0.13, 0.1, self._shirt)
        self._paint_body(image, to_frame(*throat))
        bar(throat + _NECK[0] * unit, throat + _NECK[1] * unit, 0.1, 0.12, skin)
        self._paint_head(image, to_frame(*head))
        bar(shoulder, elbow, 0.13, 0.1, self._shirt)
        bar(elbow, wrist, 0.095, 0.065, self._sleeve)
        self._hand.paint(image, *to_frame(*palm), self._hand_length, angle - tilt)

    def _target(self, time):
        """Where the hand, or its fingertip, is."""
        if self._motion is None:
            return self._origin + self._place + self._wander(time) * self._wander_size
        x, y, _, _ = self._motion(time)
        begin, end = self.active
        rising, sinking = self._time_up
        up = 1.0 if self._starts_up else np.clip((time - begin) / rising + 1, 0, 1)
        down = 1.0 if self._ends_up else np.clip((end - time) / sinking + 1, 0, 1)
        raised = min(up, down)
        raised = raised * raised * (3 - 2 * raised)
        return self._rest + raised * (self._origin + np.array([x, y]) - self._rest)

    def _arm(self, shoulder, time):
        """The places of palm, elbow and wrist, and the angle of the hand."""
        target, lengths = self._target(time), (_UPPER_ARM * self._unit, _FOREARM * self._unit)
        along = target - _elbow(shoulder, target, *lengths, self._side)
        angle = self._upright + self._wrist_bend * np.arctan2(along[0], -along[1])
        fingers = np.array([np.sin(angle), -np.cos(angle)]) * self._hand_length
        palm = target - fingers * _TIPS[self._pose]
        wrist = palm - fingers * _WRIST
        return palm, _elbow(shoulder, wrist, *lengths, self._side), wrist, angle

    def _paint_body(self, image, throat):
        (x, y), unit = throat, self._unit
        distance = rounded_box(*_grid(image), (x, y + 0.95 * unit), (0.52 * unit, 0.95 * unit), 0.22 * unit)
        _fill(image, distance, self._shirt, 0.2 * unit)

    def _paint_head(self, image, head):
        unit, (columns, rows) = self._unit, _grid(image)
        x, y = (columns - head[0]) / (0.175 * unit), (rows - head[1]) / (0.235 * unit)
        oval = (np.hypot(x, y) - 1) * 0.2 * unit
        if self._has_long_hair:
            _fill(image, (np.hypot(x / 1.25, (y - 0.1) / 1.3) - 1) * 0.2 * unit, self._hair, 0.1 * unit)
        _fill(image, oval, self._hand.skin, 0.12 * unit)
        _fill(image, np.maximum(oval, (y + 0.45) * 0.2 * unit), self._hair, 0.1 * unit)
        for eye in (-0.38, 0.38):
            _fill(image, (np.hypot((x - eye) / 0.14, (y + 0.1) / 0.08) - 1) * 0.02 * unit, self._hair * 0.5, 1.0)
        _fill(image, (np.hypot(x / 0.35, (y - 0.5) / 0.07) - 1) * 0.02 * unit, self._hand.skin * 0.6, 1.0)


def _grid(image):
    """Columns, (1, W), and rows, (H, 1)."""
    height, width, _ = image.shape
    return np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]


def _fill(image, distance, color, depth):
    """Paints a shape given by its signed distance; darker towards its outline, within `depth` pixels."""
    alpha = np.clip(0.5 - distance, 0, 1)[..., None]
    shade = 0.68 + 0.32 * np.sqrt(np.clip(-distance / depth, 0, 1))
    image += alpha * (color * shade[..., None] - image)


def _paint_bar(image, start, end, start_radius, end_radius, color):
    if np.hypot(*np.subtract(end, start)) < 1e-3:
        return
    distance, _ = capsule(*_grid(image), start, end, start_radius, end_radius)
    _fill(image, distance, color, start_radius)


def _elbow(shoulder, wrist, upper, fore, side):
    """The elbow of an arm, below the line to the wrist or outside of it. Far wrists stretch the arm."""
    way = wrist - shoulder
    distance = max(np.hypot(*way), 1e-3)
    scale = max(1.0, distance / (0.98 * (upper + fore)))
    upper, fore = upper * scale, fore * scale
    along = np.clip((distance**2 + upper**2 - fore**2) / (2 * distance), -upper, upper)
    across = np.sqrt(max(upper**2 - along**2, 0.0))
    direction = way / distance
    normal = np.array([-direction[1], direction[0]])
    if normal @ (side * 0.6, 1.0) < 0:
        normal = -normal
    return shoulder + along * direction + across * normal

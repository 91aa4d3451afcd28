"""Motion of the hand in synthetic gestures."""

import numpy as np

from keras_action.data.synthetic.hand import HALF_EXTENT
from keras_action.data.synthetic.scene import Wave


class Motion:
    """The pose of the hand as a function of time, in clips: (x, y, length, angle), pixels and radians.

    Args:
        rng: A NumPy generator.
        start: The first pose.
        end: The last pose.
        active: Times between which the hand moves from `start` to `end`.
        arrival: `None`, or how the hand enters the image: (time at which it has arrived, duration, pixels right, pixels
            down), the last two from `start` to where it comes from.
        departure: `None`, or how the hand leaves the image: (time at which it begins, duration, pixels right, pixels
            down).
        wander: Scale of the random sway.
        linear: Fraction of the motion at constant speed, from 0 to 1; the rest starts and stops softly.

    Attributes:
        active: As given.
        span: Times between which the hand may be in view, arrival and departure included.
    """

    def __init__(self, rng, start, end, active, arrival=None, departure=None, wander=1.0, linear=0.5):
        self._start, self._end = np.array(start, float), np.array(end, float)
        self.active = active
        self.span = (
            arrival[0] - arrival[1] if arrival else active[0],
            departure[0] + departure[1] if departure else active[1],
        )
        self._arrival, self._departure = arrival, departure
        # A hand never moves quite straight: random sway of position (pixels), size (share) and angle (radians).
        self._sway = Wave(rng, 4, 0.4, 1.8)
        unit = max(self._start[2], self._end[2])
        self._sway_size = np.array([0.02 * unit, 0.02 * unit, 0.012, 0.035]) * wander
        self._linear = linear

    def __call__(self, time):
        share = np.clip((time - self.active[0]) / (self.active[1] - self.active[0]), 0, 1)
        share = self._linear * share + (1 - self._linear) * _ease(share)
        x, y, length, angle = self._start + share * (self._end - self._start)
        if self._start[2] != self._end[2]:  # equal ratios in equal times look like constant speed
            length = self._start[2] * (self._end[2] / self._start[2]) ** share
        dx, dy, grow, turn = self._sway(time) * self._sway_size
        for way, sign in ((self._arrival, -1), (self._departure, 1)):
            if way:
                moment, duration, right, down = way
                away = _ease(np.clip(sign * (time - moment) / duration, 0, 1))
                x, y = x + away * right, y + away * down
        return x + dx, y + dy, length * (1 + grow), angle + turn


def _ease(share):
    return share * share * (3 - 2 * share)


def random_motion(rng, label, size, in_stream):
    """A random motion for the first label of a pair, or for `none`; it returns `None` if there is no hand."""
    height, width = size
    unit = min(size)
    swipe = label in ("swipe_left", "swipe_up")
    # A swipe begins and ends out of view: it is longer and hardly eases, so as to be visible as long as the others.
    duration = rng.uniform(0.65, 0.95) if swipe else rng.uniform(0.5, 0.8)
    begin = (1 - duration) * (0.5 + rng.uniform(-0.3, 0.3))
    active = begin, begin + duration
    upright = np.deg2rad(rng.uniform(-40, 40))
    if swipe:
        length = rng.uniform(0.58, 0.78) * unit
        run, across = (width, height) if label == "swipe_left" else (height, width)
        # The palm's centre goes from beyond one edge, or from just inside it, to the other.
        outside = HALF_EXTENT * length * 1.1
        ends = [outside if in_stream or rng.random() < 0.6 else rng.uniform(-0.16, 0.1) * run for _ in "ab"]
        side = rng.uniform(0.36, 0.64) * across
        drift = rng.uniform(-0.1, 0.1) * across
        if label == "swipe_left":
            start, end = (run + ends[0], side - drift), (-ends[1], side + drift)
        else:
            start, end = (side - drift, run + ends[0]), (side + drift, -ends[1])
        start, end = (*start, length, upright), (*end, length, upright)
        return Motion(rng, start, end, active, linear=rng.uniform(0.7, 1.0))

    x, y = rng.uniform(0.36, 0.64) * width, rng.uniform(0.42, 0.58) * height
    length = rng.uniform(0.6, 0.82) * unit
    lengths, angles = (length, length), (upright, upright)
    if label == "rotate_cw":
        turn = np.deg2rad(rng.uniform(55, 90))
        angles = upright / 2 - turn, upright / 2 + turn
    elif label == "zoom_in":
        lengths = rng.uniform(0.34, 0.44) * unit, rng.uniform(0.88, 1.05) * unit
    start, end = (x, y, lengths[0], angles[0]), (x, y, lengths[1], angles[1])

    def through_corner(time, length):
        """The arrival from, or the departure to, a lower corner."""
        right, down = width / 2 + 1.1 * HALF_EXTENT * length, height - y + 1.1 * HALF_EXTENT * length
        return time, rng.uniform(0.45, 0.8), right * rng.choice([-1, 1]), down

    if label == "none":
        return _idle(rng, start, through_corner, in_stream)
    arrival = departure = None
    if in_stream:
        arrival = through_corner(active[0] - rng.uniform(0.15, 0.4), lengths[0])
        departure = through_corner(active[1] + rng.uniform(0.15, 0.4), lengths[1])
    else:  # in some clips the hand is still entering, or already leaving
        if rng.random() < 0.3:
            arrival = through_corner(active[0] - rng.uniform(0.0, 0.3), lengths[0])
        if rng.random() < 0.3:
            departure = through_corner(active[1] + rng.uniform(0.0, 0.3), lengths[1])
    return Motion(rng, start, end, active, arrival, departure, linear=rng.uniform(0.2, 0.7))


def _idle(rng, pose, through_corner, in_stream):
    """No gesture: no hand, or one that rests or wanders, enters or leaves."""
    wander = rng.uniform(0.5, 3.5)
    length = pose[2]
    if in_stream:
        return Motion(rng, pose, pose, (0, 1), through_corner(0.0, length), through_corner(1.0, length), wander)
    kind = rng.choice(["absent", "present", "enters", "leaves"], p=[0.2, 0.5, 0.15, 0.15])
    if kind == "absent":
        return lambda time: None
    arrival = through_corner(rng.uniform(0.3, 1.0), length) if kind == "enters" else None
    departure = through_corner(rng.uniform(0.0, 0.7), length) if kind == "leaves" else None
    return Motion(rng, pose, pose, (0, 1), arrival, departure, wander)

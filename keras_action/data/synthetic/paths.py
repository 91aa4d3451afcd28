"""Random fingertip paths: any number of gesture classes, none of them similar to a given one."""

import numpy as np
from numpy.polynomial import polynomial

# Root mean square distance, in the longer side of the path, below which two paths count as the same gesture.
MIN_DISTANCE = 0.22
_MIN_STROKE = 0.45  # of the unit square; in shorter strokes noise dominates
_CURVED_SHARE = 0.4
_MAX_DRAWS = 10_000


def random_paths(count, seed=0, avoided=(), min_distance=MIN_DISTANCE):
    """Draws paths that differ from each other and from given ones.

    A path has two to six corners, joined by straight strokes or, two times in five, by one smooth curve.

    Args:
        count: Number of paths.
        seed: A whole number, 0 or more. The first paths of a longer list are those of a shorter one.
        avoided: Paths to which no path may be similar, forwards or backwards: sequences of (x, y).
        min_distance: Smallest `path_distance` between two paths.

    Returns:
        A list of float arrays `(corners, 2)`, x to the right and y down, the longer side 1.

    Raises:
        ValueError: If not enough different paths are found.

    Example:

    >>> paths = random_paths(3, seed=7, avoided=[[(0, 0), (1, 0)]])
    >>> [len(path) for path in paths]
    [33, 4, 33]
    """
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Received: count={count}")
    rng = np.random.default_rng(seed)
    others = [_resample(turned) for path in avoided for turned in (path, path[::-1])]
    paths = []
    for _ in range(_MAX_DRAWS):
        path = _random_path(rng)
        points = _resample(path)
        if all(_distance(points, other) >= min_distance for other in others):
            paths.append(path)
            others.append(points)
            if len(paths) == count:
                return paths
    raise ValueError(
        f"Only {len(paths)} paths at a distance of {min_distance} were found in {_MAX_DRAWS} draws: ask for fewer, or "
        f"lower `min_distance`. Received: count={count}, min_distance={min_distance}"
    )


def path_distance(first, second):
    """The distance between two paths: the root mean square over 24 points, evenly spaced along them.

    Both are centred, and scaled to a longer side of 1: position and size do not matter, the direction does.

    Example:

    >>> left_to_right, right_to_left = [(0, 0), (1, 0)], [(1, 0), (0, 0)]
    >>> round(float(path_distance(left_to_right, [(3, 1), (9, 1)])), 3)
    0.0
    >>> round(float(path_distance(left_to_right, right_to_left)), 3)
    0.602
    """
    return _distance(_resample(first), _resample(second))


def _distance(first, second):
    return np.sqrt(((first - second) ** 2).sum(1).mean())


def _resample(path, count=24):
    path = np.asarray(path, float)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    places = np.linspace(0, along[-1], count)
    points = np.stack([np.interp(places, along, path[:, axis]) for axis in (0, 1)], 1)
    points -= points.mean(0)
    return points / np.ptp(points, axis=0).max()


def _random_path(rng):
    count = int(rng.integers(2, 6))
    corners = [rng.uniform(0, 1, 2)]
    while len(corners) < count:
        corner = rng.uniform(0, 1, 2)
        if np.hypot(*(corner - corners[-1])) > _MIN_STROKE:
            corners.append(corner)
    path = np.array(corners)
    if count > 2 and rng.random() < _CURVED_SHARE:
        time = np.linspace(0, count - 1, 33)
        fits = [polynomial.polyfit(np.arange(count), path[:, axis], count - 1) for axis in (0, 1)]
        path = np.stack([polynomial.polyval(time, fit) for fit in fits], 1)
    return (path - path.min(0)) / np.ptp(path, axis=0).max()

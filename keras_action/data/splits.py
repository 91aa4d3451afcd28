"""Splits a set of clips into two or more: by subject if known, otherwise by clip."""

import warnings

import numpy as np

from keras_action.data.clips import Annotations
from keras_action.utils.text import listed

_MAX_SWEEPS = 20
_MAX_SWAPPED = 2000  # groups up to which swaps are tried: their number grows quadratically


def split_annotations(annotations, shares=(0.8, 0.2), seed=0, min_clips=5, by_group=True):
    """Splits annotated clips at random, by subject or session where they have one.

    If clips have a `group`, all clips of a group are on the same side, so that a model is tested on people it has not
    seen. Groups are drawn at random, then moved and swapped to bring the number of clips of each class on each side
    near its share. Otherwise the clips of each class are drawn at random, and each side gets at least one if the class
    has enough. The same seed gives the same split.

    Args:
        annotations: An `Annotations`.
        shares: Shares of the clips, each above 0 and together 1.
        seed: A whole number, 0 or more.
        min_clips: Number of clips of a class on a side below which there is a warning.
        by_group: Whether groups stay together. If False, groups are ignored.

    Returns:
        A tuple of `Annotations`, one for each share, with the clips in the order of `annotations` and the same labels.

    Raises:
        ValueError: If the shares are wrong, only some clips have a group, or there are fewer groups or clips than
            shares.

    Example:

    ```python
    annotations = read_annotations("gestures.csv")  # path,label,subject
    train, validation, test = split_annotations(annotations, shares=(0.7, 0.15, 0.15))
    ```
    """
    sides = split_sides(annotations, shares, seed, by_group)
    _warn_of_small_classes(annotations.labels, annotations.label_ids(), sides, len(shares), min_clips)
    return tuple(select_clips(annotations, sides == side) for side in range(len(shares)))


def split_sides(annotations, shares, seed=0, by_group=True):
    """The side of each clip, `(N,)` integers; see `split_annotations`."""
    shares = np.asarray(shares, np.float64)
    if shares.ndim != 1 or shares.size < 2 or (shares <= 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f"`shares` must be two or more numbers above 0, together 1. Received: {shares.tolist()}")
    names = {clip.group for clip in annotations.clips} if by_group else {None}
    if None in names and len(names) > 1:
        bare = next(clip.name or clip.path for clip in annotations.clips if clip.group is None)
        raise ValueError(f"Either all clips must have a group, or none. Received: no group for {bare}")
    rng = np.random.default_rng(seed)
    label_ids = annotations.label_ids()
    has_groups = names and None not in names
    count, unit = (len(names), "groups (subjects, sessions)") if has_groups else (len(label_ids), "clips")
    if count < len(shares):
        raise ValueError(f"There must be at least {len(shares)} {unit}, one for each share. Received: {count}")
    if has_groups:
        numbers = {name: i for i, name in enumerate(sorted(names))}
        group_ids = np.array([numbers[clip.group] for clip in annotations.clips])
        counts = np.zeros((len(numbers), len(annotations.labels)))
        np.add.at(counts, (group_ids, label_ids), 1)
        return _split_groups(counts, shares, rng)[group_ids]
    return _split_clips(label_ids, shares, rng)


def select_clips(annotations, selected):
    """The `Annotations` of the clips for which `selected`, `(N,)` booleans, is true."""
    return Annotations(tuple(annotations.clips[i] for i in np.flatnonzero(selected)), annotations.labels)


def draw_clips(annotations, count, seed):
    """Draws `count` clips of each class at random; `None` is all. Returns them and the others, two `Annotations`."""
    label_ids, rng = annotations.label_ids(), np.random.default_rng(seed)
    drawn = np.full(len(annotations), count is None)
    if count is not None:
        for label_id in np.unique(label_ids):
            drawn[rng.permutation(np.flatnonzero(label_ids == label_id))[:count]] = True
    return select_clips(annotations, drawn), select_clips(annotations, ~drawn)


def _split_clips(label_ids, shares, rng):
    """The side of each clip: the shares of each class, rounded to whole clips."""
    sides = np.empty(len(label_ids), np.int64)
    for label_id in np.unique(label_ids):
        members = rng.permutation(np.flatnonzero(label_ids == label_id))
        exact = len(members) * shares
        sizes = np.floor(exact + 1e-9).astype(np.int64)
        rest = len(members) - sizes.sum()
        sizes[np.argsort(sizes - exact, kind="stable")[:rest]] += 1
        while len(members) >= len(shares) and sizes.min() == 0:
            sizes[sizes.argmin()] += 1
            sizes[sizes.argmax()] -= 1
        sides[members] = np.repeat(np.arange(len(shares)), sizes)
    for side in range(len(shares)):  # classes of one or two clips may leave a side empty
        if not (sides == side).any():
            fullest = np.bincount(sides, minlength=len(shares)).argmax()
            sides[rng.choice(np.flatnonzero(sides == fullest))] = side
    return sides


def _split_groups(counts, shares, rng):
    """The side of each group. `counts` are the numbers of clips by group and class.

    Minimises Σ over sides s and classes c of (clips of c on s − share of s · clips of c)² / clips of c. All clips
    together count as one more class, so that no side is too small.
    """
    counts = np.concatenate([counts, counts.sum(1, keepdims=True)], 1)
    counts = counts / np.sqrt(np.maximum(counts.sum(0), 1))
    over = -shares[:, None] * counts.sum(0)  # the excess of each side
    sides = np.full(len(counts), -1)
    order = rng.permutation(len(counts))
    for place, group in enumerate(order):
        cost = ((over + counts[group]) ** 2).sum(1) - (over**2).sum(1)
        empty = np.array([not (sides == side).any() for side in range(len(shares))])
        if len(counts) - place <= empty.sum():
            cost[~empty] = np.inf
        sides[group] = cost.argmin()
        over[sides[group]] += counts[group]
    for _ in range(_MAX_SWEEPS):
        better = [_better(group, counts, sides, over) for group in order]
        if not any(better):
            break
    return sides


def _better(group, counts, sides, over):
    """Moves a group to another side, or swaps it with a group of another, if that lowers the cost; in place."""
    old = sides[group]
    costs = (over**2).sum(1)
    less = ((over[old] - counts[group]) ** 2).sum()
    moves = less + ((over + counts[group]) ** 2).sum(1) - costs[old] - costs
    moves[old] = np.inf
    if (sides == old).sum() == 1:
        moves[:] = np.inf
    best, new, other = moves.min(), moves.argmin(), None
    if len(counts) <= _MAX_SWAPPED:
        change = counts - counts[group]
        swaps = ((over[old] + change) ** 2).sum(1) + ((over[sides] - change) ** 2).sum(1) - costs[old] - costs[sides]
        swaps[sides == old] = np.inf
        if swaps.min() < best:
            best, other = swaps.min(), swaps.argmin()
            new = sides[other]
    if best > -1e-9:  # with rounding errors as gains, the search might not end
        return False
    change = counts[group] - (0 if other is None else counts[other])
    over[old] -= change
    over[new] += change
    sides[group] = new
    if other is not None:
        sides[other] = old
    return True


def _warn_of_small_classes(labels, label_ids, sides, num_sides, min_clips):
    counts = np.zeros((len(labels), num_sides), np.int64)
    np.add.at(counts, (label_ids, sides), 1)
    small = [f"{labels[i]} ({', '.join(map(str, counts[i]))})" for i in np.flatnonzero(counts.min(1) < min_clips)]
    if small:
        warnings.warn(
            f"{len(small)} of {len(labels)} classes have fewer than {min_clips} clips on a side: {listed(small)}",
            stacklevel=3,
        )

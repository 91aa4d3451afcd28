"""Horizontal flips and time reversal of clips, with the label that they then have.

Classes are identified by name. The tables hold the pairs of Jester, Something-Something V2 and the synthetic gestures.
Other classes are neither flipped nor reversed unless the user gives their pairs. EgoGesture is not in the tables: it is
not known which of its signs and drawn shapes may be flipped.
"""

import functools
import re
import warnings

import numpy as np

from keras_action.data.datasets.official import class_names
from keras_action.data.synthetic.dataset import SYNTHETIC_GESTURES, TIME_REVERSED_PAIRS
from keras_action.utils.lazy import tensorflow as tf

# Class pairs exchanged by a horizontal flip. All other classes of these data sets keep their label.
FLIP_PAIRS = (
    # Jester
    ("Swiping Left", "Swiping Right"),
    ("Sliding Two Fingers Left", "Sliding Two Fingers Right"),
    ("Turning Hand Clockwise", "Turning Hand Counterclockwise"),
    # Something-Something V2: all templates that name a side
    ("Pulling something from left to right", "Pulling something from right to left"),
    ("Pushing something from left to right", "Pushing something from right to left"),
    ("Turning the camera left while filming something", "Turning the camera right while filming something"),
    # Synthetic gestures
    ("swipe_left", "swipe_right"),
    ("rotate_cw", "rotate_ccw"),
)

# Class pairs exchanged by time reversal: motions that a hand or a camera can make in both directions. Things that
# fall, are poured, thrown, torn or dropped look wrong backwards, and a pose ("Thumb Up") is no motion. A class paired
# with itself keeps its label; classes in no pair are never reversed.
REVERSAL_PAIRS = (
    # Jester
    ("Swiping Left", "Swiping Right"),
    ("Swiping Down", "Swiping Up"),
    ("Pushing Hand Away", "Pulling Hand In"),
    ("Sliding Two Fingers Left", "Sliding Two Fingers Right"),
    ("Sliding Two Fingers Down", "Sliding Two Fingers Up"),
    ("Pushing Two Fingers Away", "Pulling Two Fingers In"),
    ("Rolling Hand Forward", "Rolling Hand Backward"),
    ("Turning Hand Clockwise", "Turning Hand Counterclockwise"),
    ("Zooming In With Full Hand", "Zooming Out With Full Hand"),
    ("Zooming In With Two Fingers", "Zooming Out With Two Fingers"),
    ("No gesture", "No gesture"),
    # Something-Something V2
    ("Approaching something with your camera", "Moving away from something with your camera"),
    ("Closing something", "Opening something"),
    ("Folding something", "Unfolding something"),
    ("Moving something and something away from each other", "Moving something and something closer to each other"),
    ("Moving something away from something", "Moving something closer to something"),
    ("Moving something away from the camera", "Moving something towards the camera"),
    ("Moving something down", "Moving something up"),
    ("Turning the camera downwards while filming something", "Turning the camera upwards while filming something"),
    ("Turning the camera left while filming something", "Turning the camera right while filming something"),
    # Synthetic gestures
    *TIME_REVERSED_PAIRS,
    ("none", "none"),
)

_SIDES = {"left", "leftward", "leftwards", "right", "rightward", "rightwards"}
_SIDES |= {"clockwise", "counterclockwise", "anticlockwise", "cw", "ccw"}


def flip_label_map(labels, pairs=None):
    """For each class, the class of its clips after a horizontal flip.

    Args:
        labels: Names of the classes, in the order of their ids. Case and the brackets of Something-Something's
            templates are ignored.
        pairs: `None` for the names in `FLIP_PAIRS` and the other classes of those data sets. For your own classes, the
            pairs of names that a horizontal flip exchanges. All other classes keep their label; with `()`, all
            classes. A class with a side in its name ("left", "clockwise") that is in no pair is not flipped, and
            there is a warning: pair it with itself if a flip does not change it.

    Returns:
        An int64 array of shape (classes,): ids, -1 for classes that must not be flipped, because they are unknown or
        their partner is not among the labels.

    Raises:
        ValueError: If a name in `pairs` is not among the labels, or is in two pairs.

    Example:

    >>> flip_label_map(["Swiping Left", "Swiping Right", "Thumb Up", "my own gesture"])
    array([ 1,  0,  2, -1])
    >>> flip_label_map(["turn left", "turn right", "wave"], pairs=[("turn left", "turn right")])
    array([1, 0, 2])
    """
    table = FLIP_PAIRS if pairs is None else pairs
    ids = _partners(labels, table, strict=pairs is not None)
    paired = {_plain(name) for pair in table for name in pair}
    for number, label in enumerate(labels):
        stays = _plain(label) in _known_names() if pairs is None else not _has_side(label)
        if stays and _plain(label) not in paired:
            ids[number] = number
    sided = [label for number, label in enumerate(labels) if ids[number] < 0 and _has_side(label)]
    if sided:
        warnings.warn(
            "These classes have a side in their name, but no known partner: their clips are never flipped. "
            f"Give the pairs, or pair a class with itself if a flip does not change it: {sided}",
            stacklevel=2,
        )
    return ids


def reversal_label_map(labels, pairs=None):
    """For each class, the class of its clips when they are played backwards.

    Args:
        labels: Names of the classes, in the order of their ids.
        pairs: `None` for `REVERSAL_PAIRS`, or the pairs of names that are each other's reverse. Pair a class that
            looks the same backwards with itself. Classes in no pair are never reversed.

    Returns:
        An int64 array of shape (classes,): ids, -1 for classes that must not be reversed.

    Raises:
        ValueError: If a name in `pairs` is not among the labels, or is in two pairs.

    Example:

    >>> reversal_label_map(["Swiping Left", "Swiping Right", "Thumb Up", "No gesture"])
    array([ 1,  0, -1,  3])
    """
    return _partners(labels, REVERSAL_PAIRS if pairs is None else pairs, strict=pairs is not None)


def random_flip(clip, label, seed, ids, probability=0.5):
    """Flips a clip horizontally at random, and changes its label accordingly.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        label: Its class, a whole number.
        seed: An int32 tensor of shape (2,).
        ids: The result of `flip_label_map` for the names of the classes.
        probability: Probability of a flip, in [0, 1], for classes that can be flipped.

    Returns:
        The clip and its label.

    Raises:
        ValueError: If no class in `ids` can be flipped, or `ids` does not exchange classes in pairs.

    Example:

    >>> ids = flip_label_map(["swipe_left", "swipe_right"])
    >>> clip, label = random_flip(tf.zeros((8, 64, 64, 3), tf.uint8), 0, seed=(0, 1), ids=ids, probability=1)
    >>> int(label)
    1
    """
    return _random_exchange(clip, label, seed, ids, probability, axis=2, how="flipped")


def random_reversal(clip, label, seed, ids, probability=0.5):
    """Reverses the frames of a clip at random, and changes its label accordingly.

    Args:
        clip: A uint8 tensor of shape (T, h, w, 3).
        label: Its class, a whole number.
        seed: An int32 tensor of shape (2,).
        ids: The result of `reversal_label_map` for the names of the classes.
        probability: Probability of a reversal, in [0, 1], for classes that can be reversed.

    Returns:
        The clip and its label.

    Raises:
        ValueError: If no class in `ids` can be reversed, or `ids` does not exchange classes in pairs.
    """
    return _random_exchange(clip, label, seed, ids, probability, axis=0, how="reversed")


def _random_exchange(clip, label, seed, ids, probability, axis, how):
    ids = np.asarray(ids, np.int64)
    maker = {"flipped": "flip_label_map", "reversed": "reversal_label_map"}[how]
    allowed = np.flatnonzero(ids >= 0)
    if not len(allowed):
        raise ValueError(
            f"It is not known what any of the classes becomes when clips are {how}: give the pairs, "
            f"`{maker}(labels, pairs=[(name, name), …])`. Received: ids={ids.tolist()}"
        )
    if ids.max() >= len(ids) or (ids[ids[allowed]] != allowed).any():
        raise ValueError(f"`ids` must exchange classes in pairs. Received: ids={ids.tolist()}")
    if not 0 <= probability <= 1:
        raise ValueError(f"`probability` must be in [0, 1]. Received: probability={probability}")
    clip, label = tf.convert_to_tensor(clip), tf.convert_to_tensor(label)
    partner = tf.gather(tf.constant(ids), label)
    chosen = (tf.random.stateless_uniform((), seed) < probability) & (partner >= 0)
    clip = tf.cond(chosen, lambda: tf.reverse(clip, [axis]), lambda: clip)
    return clip, tf.where(chosen, tf.cast(partner, label.dtype), label)


def _partners(labels, pairs, strict):
    """The ids of the pairs' other names, -1 for classes that are in no pair."""
    numbers = {_plain(label): number for number, label in enumerate(labels)}
    ids = np.full(len(labels), -1, np.int64)
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise ValueError(f"`pairs` must be pairs of names. Received: {pair!r}")
        first, second = (numbers.get(_plain(name), -1) for name in pair)
        if strict and min(first, second) < 0:
            raise ValueError(f"`pairs` must have names of classes, which are {list(labels)}. Received: {pair}")
        if strict and max(ids[first], ids[second]) >= 0:
            raise ValueError(f"A class must be in one pair only. Received: {pair}, and another with the same name")
        if min(first, second) >= 0:
            ids[first], ids[second] = second, first
    return ids


def _plain(name):
    return re.sub(r"[\[\]]", "", name).casefold().strip()


def _has_side(label):
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).lower().replace("counter-", "counter"))
    return not _SIDES.isdisjoint(words)


@functools.cache
def _known_names():
    names = set(SYNTHETIC_GESTURES)
    for data_set in ("jester", "something_something_v2"):
        names.update(class_names(data_set))
    return frozenset(map(_plain, names))

import warnings

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import SYNTHETIC_GESTURES, render_gesture
from keras_action.data.flips import (
    FLIP_PAIRS,
    REVERSAL_PAIRS,
    _known_names,
    _plain,
    flip_label_map,
    random_flip,
    random_reversal,
    reversal_label_map,
)

JESTER = ["Swiping Left", "Swiping Right", "Swiping Up", "Turning Hand Clockwise", "Turning Hand Counterclockwise"]
SOMETHING = [
    "Pulling [something] from left to right",
    "Pulling [something] from right to left",
    "Plugging [something] into [something] but pulling it right out as you remove your hand",
    "Opening [something]",
    "Closing [something]",
]


@pytest.mark.parametrize("table", [FLIP_PAIRS, REVERSAL_PAIRS], ids=["flipped", "reversed"])
def test_tables_are_of_known_classes_each_once(table):
    names = [_plain(name) for pair in table for name in set(pair)]
    assert set(names) <= _known_names()
    assert len(names) == len(set(names))
    assert len(_known_names()) == 27 + 174 + len(SYNTHETIC_GESTURES)


def test_every_known_class_that_names_a_side_has_a_partner():
    with warnings.catch_warnings(action="error"):
        names = sorted(_known_names())
        ids = flip_label_map(names)
    assert ids.min() >= 0
    changed = {names[number] for number in np.flatnonzero(ids != np.arange(len(ids)))}
    assert changed == {_plain(name) for pair in FLIP_PAIRS for name in pair}


@pytest.mark.parametrize(
    ("labels", "pairs", "expected"),
    [
        (JESTER, None, [1, 0, 2, 4, 3]),
        (SOMETHING, None, [1, 0, 2, 3, 4]),
        ([name.replace("[", "").replace("]", "") for name in SOMETHING], None, [1, 0, 2, 3, 4]),
        (list(SYNTHETIC_GESTURES), None, [1, 0, 2, 3, 5, 4, 6, 7, 8]),
        (["wave", "push"], None, [-1, -1]),
        (["wave", "push"], (), [0, 1]),
        (["turn left", "wave", "turn right"], [("turn left", "turn right")], [2, 1, 0]),
        (["left_handed", "wave"], [("left_handed", "left_handed")], [0, 1]),
        (["bright", "upright", "copyright"], (), [0, 1, 2]),
    ],
)
def test_flip_label_map(labels, pairs, expected):
    with warnings.catch_warnings(action="error"):
        ids = flip_label_map(labels, pairs)
    assert ids.dtype == np.int64
    assert ids.tolist() == expected


@pytest.mark.parametrize(
    ("labels", "pairs", "expected", "reported"),
    [
        (["Swiping Left", "Thumb Up"], None, [-1, 1], "Swiping Left"),
        (["turn left", "wave"], (), [-1, 1], "turn left"),
        (["TurnRight", "wave"], (), [-1, 1], "TurnRight"),
        (["rotate counter-clockwise", "wave"], None, [-1, -1], "rotate counter-clockwise"),
    ],
)
def test_sides_without_partner_are_reported(labels, pairs, expected, reported):
    with pytest.warns(UserWarning, match=rf"\['{reported}'\]"):
        assert flip_label_map(labels, pairs).tolist() == expected


@pytest.mark.parametrize(
    ("labels", "pairs", "expected"),
    [
        (JESTER, None, [1, 0, -1, 4, 3]),
        (SOMETHING, None, [-1, -1, -1, 4, 3]),
        (list(SYNTHETIC_GESTURES), None, [1, 0, 3, 2, 5, 4, 7, 6, 8]),
        (["Thumb Up", "Thumb Down", "No gesture"], None, [-1, -1, 2]),
        (["sit", "stand", "wave"], [("sit", "stand"), ("wave", "wave")], [1, 0, 2]),
        (["sit", "stand", "wave"], (), [-1, -1, -1]),
    ],
)
def test_reversed_ids(labels, pairs, expected):
    assert reversal_label_map(labels, pairs).tolist() == expected


@pytest.mark.parametrize("function", [flip_label_map, reversal_label_map])
@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "x")], "must have names of classes"),
        ([("a", "b"), ("b", "c")], "one pair only"),
        (["ab"], "must be pairs of names"),
        ([("a", "b", "c")], "must be pairs of names"),
    ],
)
def test_bad_pairs(function, pairs, message):
    with pytest.raises(ValueError, match=message):
        function(["a", "b", "c"], pairs)


@pytest.fixture(scope="module")
def clip():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 8, 3), np.uint8)


EXCHANGES = {
    "flip": (random_flip, lambda clip: clip[:, :, ::-1]),
    "reversal": (random_reversal, lambda clip: clip[::-1]),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_clip_and_label_change_together(clip, name):
    function, changed = EXCHANGES[name]
    seeds = np.stack([np.zeros(60), np.arange(60)], -1).astype(np.int32)
    labels = np.arange(60, dtype=np.int32) % 4
    ids = [1, 0, 2, -1]
    eager = [function(clip, label, seed, ids) for label, seed in zip(labels, seeds, strict=True)]
    dataset = tf.data.Dataset.from_tensor_slices((labels, seeds))
    dataset = dataset.map(lambda label, seed: function(clip, label, seed, ids))
    outcomes = set()
    for before, (frames, label), (expected, expected_label) in zip(labels, dataset, eager, strict=True):
        assert frames.dtype == tf.uint8
        assert label.dtype == tf.int32
        assert frames.shape == clip.shape
        np.testing.assert_array_equal(frames, expected)
        assert label == expected_label
        was_changed = (frames.numpy() != clip).any()
        np.testing.assert_array_equal(frames, changed(clip) if was_changed else clip)
        outcomes.add((int(before), int(label), bool(was_changed)))
    may_change = {(0, 0, False), (0, 1, True), (1, 1, False), (1, 0, True), (2, 2, False), (2, 2, True)}
    assert outcomes == may_change | {(3, 3, False)}


@pytest.mark.parametrize(("probability", "share"), [(0, 0), (0.25, 0.25), (1, 1)])
def test_probability(clip, probability, share):
    results = [int(random_flip(clip, 0, (0, number), [1, 0], probability)[1]) for number in range(200)]
    np.testing.assert_allclose(np.mean(results), share, atol=0.1)


def test_reversed_gesture_is_the_clip_of_its_partner():
    first, second = (render_gesture(label, seed=3, num_frames=6, size=(32, 40)) for label in ("zoom_in", "zoom_out"))
    frames, label = random_reversal(
        first, SYNTHETIC_GESTURES.index("zoom_in"), (0, 1), reversal_label_map(SYNTHETIC_GESTURES), 1
    )
    np.testing.assert_array_equal(frames, second)
    assert SYNTHETIC_GESTURES[label] == "zoom_out"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda clip: random_flip(clip, 0, (0, 1), [-1, -1]), r"flipped: give the pairs, `flip_label_map"),
        (lambda clip: random_reversal(clip, 0, (0, 1), [-1]), r"reversed: give the pairs, `reversal_label_map"),
        (lambda clip: random_flip(clip, 0, (0, 1), [1, 1]), "exchange classes in pairs"),
        (lambda clip: random_flip(clip, 0, (0, 1), [1, 2]), "exchange classes in pairs"),
        (lambda clip: random_flip(clip, 0, (0, 1), [0], probability=2), "`probability` must be in"),
    ],
)
def test_bad_arguments(clip, call, message):
    with pytest.raises(ValueError, match=message):
        call(clip)

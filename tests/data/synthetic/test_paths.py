import itertools

import numpy as np
import pytest

from keras_action.data import (
    SYNTHETIC_DRAWINGS,
    path_distance,
    random_paths,
    read_annotations,
    render_path,
    write_synthetic_dataset,
)
from keras_action.data.synthetic.dataset import _paths

AVOIDED = [path for path in SYNTHETIC_DRAWINGS.values() if path is not None]


def test_no_class_is_near_a_gesture_of_egogestar_or_another_class():
    paths = _paths(60)[:60]
    for path, avoided in itertools.product(paths, AVOIDED):
        assert path_distance(path, avoided) >= 0.22
        assert path_distance(path, avoided[::-1]) >= 0.22
    for first, second in itertools.combinations(paths, 2):
        assert path_distance(first, second) >= 0.22


def test_distance_sees_direction_and_shape_alone():
    square = np.array([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)])
    assert path_distance(square, 3 * square + (5, -2)) == pytest.approx(0, abs=1e-12)
    assert path_distance(square, square[::-1]) > 0.3
    assert path_distance([(0, 0), (1, 0)], [(0, 0), (0, 1)]) == pytest.approx(0.426, abs=1e-3)


def test_a_longer_list_begins_with_the_shorter_one():
    for first, second in zip(random_paths(5, seed=3), random_paths(9, seed=3), strict=False):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(random_paths(1, seed=3)[0], random_paths(1, seed=4)[0])


def test_paths_are_strokes_and_curves_within_the_unit_square():
    paths = random_paths(40, seed=1)
    assert {len(path) for path in paths} >= {2, 3, 4, 33}
    for path in paths:
        assert path.min() >= -1e-12 and np.ptp(path, axis=0).max() == pytest.approx(1)


def test_a_clip():
    clip = render_path("path_007", seed=3, num_frames=6, size=(40, 48))
    assert clip.shape == (6, 40, 48, 3) and clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, render_path("path_007", seed=3, num_frames=6, size=(40, 48)))
    for label, seed in (("path_007", 4), ("path_008", 3), ("none", 3)):
        assert not np.array_equal(clip, render_path(label, seed=seed, num_frames=6, size=(40, 48)))


def test_a_clip_of_a_person():
    options = {"num_frames": 6, "size": (40, 48), "performer": "person"}
    clip = render_path("path_007", seed=3, **options)
    assert clip.shape == (6, 40, 48, 3) and clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, render_path("path_007", seed=3, **options))
    for label, changed in (("path_008", {}), ("none", {}), ("path_007", {"performer": "finger"})):
        assert not np.array_equal(clip, render_path(label, seed=3, **{**options, **changed}))


def test_performers_take_turns(tmp_path):
    options = {"num_frames": 4, "size": (32, 32), "kind": "path", "labels": ["path_001"], "workers": 1}
    for performers in (("finger",), ("finger", "person")):
        write_synthetic_dataset(tmp_path / "_".join(performers), 4, performers=performers, **options)
    finger, both = (
        [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.mp4"))] for name in ("finger", "finger_person")
    )
    assert [one == other for one, other in zip(finger, both, strict=True)] == [True, False, True, False]
    with pytest.raises(FileExistsError, match="performers"):
        write_synthetic_dataset(tmp_path / "finger", 4, performers=("person",), **options)


def test_a_set_of_paths(tmp_path):
    settings = {"clips_per_class": 2, "num_frames": 4, "size": (32, 32), "kind": "path", "workers": 1}
    train, _ = write_synthetic_dataset(tmp_path / "paths", num_paths=3, **settings)
    assert read_annotations(train).labels == ("none", "path_000", "path_001", "path_002")
    with pytest.raises(FileExistsError, match="num_paths"):
        write_synthetic_dataset(tmp_path / "paths", num_paths=4, **settings)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_paths(0), "Received: count=0"),
        (lambda: random_paths(50, min_distance=2), r"Only 1 paths .* Received: count=50, min_distance=2"),
        (lambda: render_path("path_7", 0), "Received: label='path_7'"),
        (lambda: render_path("path_007", 0, performer="dog"), "Received: performer='dog'"),
        (lambda: write_synthetic_dataset("x", 2, kind="path", num_paths=0), "Received: num_paths=0"),
        (lambda: write_synthetic_dataset("x", 2, kind="path", performers=()), r"Received: performers=\(\)"),
        (lambda: write_synthetic_dataset("x", 2, performers=("person",)), r"Received: kind=\"hand\", performers="),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()

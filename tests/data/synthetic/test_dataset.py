import csv

import numpy as np
import pytest

from keras_action.data import (
    SYNTHETIC_DRAWINGS,
    SYNTHETIC_GESTURES,
    TIME_REVERSED_PAIRS,
    count_frames,
    read_annotations,
    read_frames,
    render_drawing,
    render_gesture,
    sample_segments,
    video_info,
    write_synthetic_dataset,
    write_synthetic_stream,
)
from keras_action.data.synthetic.hand import Hand

SMALL = {"num_frames": 8, "size": (48, 64)}


def test_pairs_and_none_are_all_gestures():
    assert sorted([label for pair in TIME_REVERSED_PAIRS for label in pair] + ["none"]) == sorted(SYNTHETIC_GESTURES)


@pytest.mark.parametrize("label", SYNTHETIC_GESTURES)
def test_clip(label):
    clip = render_gesture(label, seed=3)
    assert clip.shape == (24, 120, 160, 3)
    assert clip.dtype == np.uint8
    assert clip.std() > 8
    np.testing.assert_array_equal(clip, render_gesture(label, seed=3))
    assert (clip != render_gesture(label, seed=4)).mean() > 0.5


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pair", TIME_REVERSED_PAIRS)
def test_pairs_differ_in_the_direction_of_time_only(pair, seed):
    forward, backward = (render_gesture(label, seed, **SMALL) for label in pair)
    np.testing.assert_array_equal(forward, backward[::-1])
    assert (forward != backward).any()


@pytest.mark.parametrize("label", SYNTHETIC_DRAWINGS)
def test_drawing(label):
    clip = render_drawing(label, seed=3, **SMALL)
    assert clip.shape == (8, 48, 64, 3)
    assert clip.dtype == np.uint8
    np.testing.assert_array_equal(clip, render_drawing(label, seed=3, **SMALL))
    assert (clip != render_drawing(label, seed=4, **SMALL)).mean() > 0.5


def test_set_of_drawings(tmp_path):
    folder = tmp_path / "drawings"
    train_csv, _ = write_synthetic_dataset(folder, 2, workers=1, kind="drawing", num_frames=3, size=(32, 32))
    assert sorted(read_annotations(train_csv).labels) == sorted(SYNTHETIC_DRAWINGS)
    with pytest.raises(FileExistsError, match="'kind': 'drawing'"):
        write_synthetic_dataset(folder, 2, workers=1, num_frames=3, size=(32, 32))


def test_bad_drawings(tmp_path):
    with pytest.raises(ValueError, match=r"Unknown drawing; known are swipe_left.*Received: label='zoom_in'"):
        render_drawing("zoom_in", seed=0)
    with pytest.raises(ValueError, match="Received: kind='foot'"):
        write_synthetic_dataset(tmp_path / "set", 2, kind="foot")


def test_labels_say_what_is_seen(monkeypatch):
    """The poses that are painted move as the label says, as seen in the picture."""
    poses = []
    monkeypatch.setattr(Hand, "paint", lambda self, image, *pose: poses.append(pose))

    def change(label, seed):
        poses.clear()
        render_gesture(label, seed, num_frames=24, size=(48, 64))
        track = np.array(poses)
        # In some clips the hand comes before the gesture or goes after it.
        return track[-1] - track[0], track[17] - track[6]

    for seed in range(8):
        assert change("swipe_left", seed)[0][0] < -0.6 * 64
        assert change("swipe_up", seed)[0][1] < -0.6 * 48
        assert change("zoom_in", seed)[0][2] > 0.35 * 48
        assert change("rotate_cw", seed)[0][3] > np.deg2rad(90)
        assert change("rotate_cw", seed)[1][3] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label": "wave"}, "Unknown gesture.* Received: label='wave'"),
        ({"seed": -1}, "`seed` must be an integer"),
        ({"seed": 0.5}, "`seed` must be an integer"),
        ({"num_frames": 0}, "`num_frames` must be at least 1"),
        ({"size": (16, 64)}, "`size` must be"),
        ({"size": (64,)}, "`size` must be"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_gesture(**{"label": "zoom_in", "seed": 0, **arguments})


@pytest.mark.parametrize("num_frames", [1, 2, 5])
@pytest.mark.parametrize("size", [(32, 32), (33, 71), (96, 54)])
def test_any_number_of_frames_and_size(num_frames, size):
    for label in SYNTHETIC_GESTURES:
        assert render_gesture(label, 1, num_frames, size).shape == (num_frames, *size, 3)


# --- Sets of clips ---


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "gestures"
    done = []
    paths = write_synthetic_dataset(folder, 4, seed=2, fps=12, workers=1, progress=lambda *x: done.append(x), **SMALL)
    assert done == [(i, 36) for i in range(1, 37)]
    return folder, paths


def test_dataset(dataset):
    folder, (train_csv, val_csv) = dataset
    assert (train_csv, val_csv) == (folder / "train.csv", folder / "val.csv")
    train = read_annotations(train_csv)
    val = read_annotations(val_csv, labels=train.labels)
    assert sorted(train.labels) == sorted(SYNTHETIC_GESTURES)
    np.testing.assert_array_equal(np.bincount(train.label_ids()), 3)
    np.testing.assert_array_equal(np.bincount(val.label_ids()), 1)
    assert not {clip.path for clip in train.clips} & {clip.path for clip in val.clips}
    for clip in train.clips[::5]:
        info = video_info(clip.path)
        assert (info.num_frames, info.height, info.width) == (8, 48, 64)
        assert info.duration == pytest.approx(8 / 12)


def test_some_of_the_classes_have_the_clips_of_all(dataset, tmp_path):
    folder, _ = dataset
    some = {"seed": 2, "fps": 12, "workers": 1, "labels": ("zoom_in", "none"), **SMALL}
    train_csv, _ = write_synthetic_dataset(tmp_path / "some", 4, **some)
    assert read_annotations(train_csv).labels == ("none", "zoom_in")
    for path in (tmp_path / "some").glob("*/*.mp4"):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path / "some")).read_bytes()
    assert write_synthetic_dataset(tmp_path / "some", 4, **{**some, "labels": ["none", "zoom_in"]})[0] == train_csv
    with pytest.raises(FileExistsError, match=r"'labels': \['none', 'zoom_in'\]"):
        write_synthetic_dataset(tmp_path / "some", 4, **{**some, "labels": None})


def test_files_of_a_pair_hold_the_same_frames(dataset):
    """A TSN, that takes the mean over frames, can't tell them apart even by what the video codec did to them."""
    folder, _ = dataset
    for forward, backward in TIME_REVERSED_PAIRS:
        for i in range(4):
            one, other = (
                read_frames(folder / label / f"{label}_{i:04d}.mp4", sample_segments(SMALL["num_frames"], 4))
                for label in (forward, backward)
            )
            assert (one != other).any()
            forth, back = (read_frames(folder / label / f"{label}_{i:04d}.mp4") for label in (forward, backward))
            np.testing.assert_array_equal(forth, back[::-1])


def test_a_complete_set_is_left_alone(dataset):
    folder, paths = dataset
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write_synthetic_dataset(folder, 4, seed=2, fps=12, workers=1, **SMALL) == paths
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_another_set_is_not_overwritten(dataset, tmp_path):
    with pytest.raises(FileExistsError, match=r"a dataset of .*'seed': 2.* Received: .*'seed': 3"):
        write_synthetic_dataset(dataset[0], 4, seed=3, fps=12, workers=1, **SMALL)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(FileExistsError, match="something else"):
        write_synthetic_dataset(tmp_path, 4, workers=1, **SMALL)


def test_processes_change_nothing(dataset, tmp_path):
    folder, _ = dataset
    write_synthetic_dataset(tmp_path / "gestures", 4, seed=2, fps=12, workers=2, **SMALL)
    for path in folder.rglob("*.*"):
        assert (tmp_path / "gestures" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_interrupted_set_leaves_nothing(tmp_path):
    def progress(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_synthetic_dataset(tmp_path / "gestures", 2, workers=1, progress=progress, **SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"clips_per_class": 1}, "`clips_per_class` must be at least 2"),
        ({"val_share": 0.0}, "`val_share` must be between 0 and 1"),
        ({"val_share": 1.0}, "`val_share` must be between 0 and 1"),
        ({"workers": 0}, "`workers` must be at least 1"),
        ({"seed": -3}, "`seed` must be"),
        ({"labels": ("wave",)}, r"`labels` must be of swipe_left.*Received: labels=\('wave',\)"),
        ({"labels": ()}, "`labels` must be of"),
        ({"labels": ("none", "none")}, "each once"),
    ],
)
def test_bad_dataset_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_synthetic_dataset(tmp_path / "gestures", **{"clips_per_class": 2, **SMALL, **arguments})
    assert not list(tmp_path.iterdir())


# --- Streams ---


def test_stream(tmp_path):
    path = tmp_path / "stream.mp4"
    gestures = ["swipe_left", "none", "zoom_out", "rotate_cw", "rotate_cw"]
    truth = write_synthetic_stream(path, seed=1, gestures=gestures, num_frames=12, size=(48, 64), fps=6, min_pause=1.0)
    assert [segment.label for segment in truth] == ["swipe_left", "zoom_out", "rotate_cw", "rotate_cw"]
    end = 0.0
    for segment in truth:
        assert segment.start >= end + 1.0  # the pause
        assert 0.9 <= segment.end - segment.start <= 1.7  # of clips of two seconds
        end = segment.end
    assert count_frames(path) / 6 >= end + 1.0
    with open(tmp_path / "stream.mp4.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["label"], float(row["start"]), float(row["end"])) for row in rows] == [
        (segment.label, segment.start, segment.end) for segment in truth
    ]
    frames = read_frames(path).astype(int)
    # No cuts: nowhere do two frames that follow each other differ as much as two scenes do.
    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert steps.max() < 30


def test_stream_of_all_gestures(tmp_path):
    first, again, other = (
        write_synthetic_stream(tmp_path / f"{i}.mp4", seed=seed, num_frames=6, size=(32, 32), fps=3)
        for i, seed in enumerate((4, 4, 5))
    )
    assert sorted(segment.label for segment in first) == sorted(set(SYNTHETIC_GESTURES) - {"none"})
    assert first == again != other
    assert (tmp_path / "0.mp4").read_bytes() == (tmp_path / "1.mp4").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gestures": ["wave"]}, "Unknown gesture"),
        ({"min_pause": 4.0}, "Pauses must be"),
        ({"min_pause": -1.0}, "Pauses must be"),
    ],
)
def test_bad_stream_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_synthetic_stream(tmp_path / "stream.mp4", **arguments)
    assert not list(tmp_path.iterdir())

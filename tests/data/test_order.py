"""Clips and frames that a seed gives, whatever a clip is stored as: the numbers are painted into the frames."""

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import (
    Annotations,
    Clip,
    FailureLog,
    evaluation_dataset,
    read_shards,
    training_dataset,
    write_shards,
    write_video,
)

SETTINGS = {"num_segments": 4, "input_size": 32, "batch_size": 2}


def painted(clip, frame):
    """A picture of one colour: red counts clips, green counts frames."""
    return np.broadcast_to(np.array([40 + 30 * clip, 40 + 8 * frame, 90], np.uint8), (48, 48, 3))


def numbers(batches):
    """For each clip its number and those of its frames, read from the colours."""
    found = []
    for batch in batches:
        clips = np.asarray(batch[0], float)
        colors = clips.reshape(-1, *clips.shape[-4:]).mean((2, 3)).round()
        frames = ((colors[..., 1] - 40) / 8).round().astype(int)
        found += zip(((colors[:, 0, 0] - 40) / 30).round().astype(int).tolist(), frames.tolist(), strict=True)
    return found


@pytest.fixture(scope="module", params=["video", pytest.param("png", marks=pytest.mark.slow), "jpg", "shards"])
def annotations(request, tmp_path_factory):
    """Five clips of 16 to 20 frames; the fourth is the part of a clip from its third frame on."""
    folder, kind, clips = tmp_path_factory.mktemp("order"), request.param, []
    for number in range(5):
        frames = [painted(number, frame) for frame in range(16 + number)]
        path = folder / str(number)
        if kind == "video":
            write_video(f"{path}.mp4", frames, fps=10, crf=4)
            clips.append(Clip(f"{path}.mp4", "a", start=0.2 if number == 3 else None))
            continue
        path.mkdir()
        encode = tf.io.encode_png if kind == "png" else tf.io.encode_jpeg
        for place, frame in enumerate(frames):
            (path / f"{place:05}.{'png' if kind == 'png' else 'jpg'}").write_bytes(encode(frame).numpy())
        clips.append(Clip(str(path), "a", frames=(2, 19) if number == 3 else None))
    annotations = Annotations(tuple(clips), ("a",))
    if kind == "shards":
        write_shards(annotations, folder / "shards", workers=1, progress=False)
        rows = {clip.name: clip for clip in read_shards(folder / "shards").clips}
        names = ("0", "1", "2", "3#frames=2,19", "4")
        annotations = Annotations(tuple(rows[name] for name in names), ("a",))
    return annotations


def test_training(annotations):
    batches = training_dataset(annotations, seed=3, **SETTINGS).take(4)  # two epochs
    assert numbers(batches) == [
        (4, [0, 6, 14, 17]),
        (2, [3, 6, 11, 14]),
        (1, [2, 6, 9, 16]),
        (3, [2, 8, 14, 18]),
        (1, [1, 5, 9, 14]),
        (4, [3, 8, 11, 15]),
        (0, [1, 6, 8, 13]),
        (2, [2, 8, 12, 15]),
    ]


def test_training_without_a_clip(annotations):
    """The next one replaces it, with frames of its own; the others stay what they are."""
    clips = list(annotations.clips)
    clips[1] = Clip("absent.mp4", "a")
    annotations = Annotations(tuple(clips), ("a",))
    with pytest.warns(UserWarning, match="absent.mp4: no such file"):
        batches = list(training_dataset(annotations, seed=3, failures=FailureLog(0.5), **SETTINGS).take(4))
    assert numbers(batches) == [
        (4, [0, 6, 14, 17]),
        (2, [3, 6, 11, 14]),
        (2, [1, 6, 11, 17]),
        (3, [2, 8, 14, 18]),
        (2, [0, 6, 13, 16]),
        (4, [3, 8, 11, 15]),
        (0, [1, 6, 8, 13]),
        (2, [2, 8, 12, 15]),
    ]


def test_evaluation(annotations):
    batches = evaluation_dataset(annotations, **SETTINGS)
    assert numbers(batches) == [
        (0, [2, 6, 10, 14]),
        (1, [2, 6, 10, 14]),
        (2, [2, 6, 11, 15]),
        (3, [4, 8, 12, 16]),
        (4, [2, 7, 12, 17]),
    ]


def test_evaluation_of_drawn_clips(annotations):
    batches = evaluation_dataset(annotations, num_clips=2, seed=5, sampling="reference", **SETTINGS)
    assert numbers(batches) == [
        (0, [2, 7, 8, 15]),
        (0, [1, 6, 10, 13]),
        (1, [0, 7, 11, 13]),
        (1, [3, 6, 11, 15]),
        (2, [3, 4, 10, 13]),
        (2, [0, 6, 10, 14]),
        (3, [5, 8, 11, 14]),
        (3, [5, 8, 10, 15]),
        (4, [3, 6, 10, 15]),
        (4, [2, 7, 13, 18]),
    ]

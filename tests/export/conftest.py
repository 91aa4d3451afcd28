import csv
import shutil
import subprocess

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra video is not installed")
pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")


def color_frames(labels, frames_each, size=(48, 64), seed=0):
    """Noisy frames of one colour after the other."""
    rng = np.random.default_rng(seed)
    for label in labels:
        for _ in range(frames_each):
            frame = rng.integers(0, 60, (*size, 3))
            if label != "none":
                frame[..., ("red", "green", "blue").index(label)] += 180
            yield frame.astype("uint8")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A training run's folder with the colour model."""
    from tests.litert.color_model import write_color_run

    return write_color_run(tmp_path_factory.mktemp("runs") / "colors")


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """An annotation CSV of clips of one colour each; one of its files is no video."""
    from keras_action.data import write_video

    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for i in range(24):
        label = ("none", "red", "green", "blue")[i % 4]
        write_video(folder / f"{i}.mp4", color_frames([label], 8, seed=i), fps=8)
        rows.append((f"{i}.mp4", label))
    (folder / "broken.mp4").write_text("no video")
    rows.append(("broken.mp4", "red"))
    with open(folder / "clips.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *rows])
    return folder / "clips.csv"


@pytest.fixture(scope="session")
def stream(tmp_path_factory):
    """A video in which red comes at 1 s, green at 3 s, blue at 5 s, each for a second."""
    from keras_action.data import write_video

    path = tmp_path_factory.mktemp("stream") / "stream.mp4"
    labels = ("none", "red", "none", "green", "none", "blue", "none")
    write_video(path, color_frames(labels, 10), fps=10)
    return path


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory):
    """An int8 LiteRT file that names the colour of clips."""
    from tests.litert.color_model import write_color_file

    return write_color_file(tmp_path_factory.mktemp("clip_file") / "clips-int8.tflite")


@pytest.fixture(scope="session")
def whole_clips_file(tmp_path_factory):
    """The same of a model that was trained on whole clips."""
    from tests.litert.color_model import write_color_file

    path = tmp_path_factory.mktemp("whole_clips_file") / "whole_clips.tflite"
    return write_color_file(path, metadata={"trained_on_streams": False})


@pytest.fixture(scope="session")
def stream_file(tmp_path_factory):
    """An int8 LiteRT file that names the colour of a video, frame by frame."""
    from keras_action import streaming_model
    from keras_action.litert import convert
    from tests.litert.color_model import KNOWS_STREAMS, LABELS, color_clips, make_color_model

    path = tmp_path_factory.mktemp("stream_file") / "frames-int8.tflite"
    inputs, _ = color_clips()
    model = streaming_model(make_color_model(causal=True))
    options = {"labels": LABELS, "clip_seconds": 1.0, "metadata": KNOWS_STREAMS}
    convert(model, path, "int8", representative_clips=inputs, **options)
    return path


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody vouches for, and its key: paths of files."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=gestures"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key

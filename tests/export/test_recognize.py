import json
import os
import subprocess
import sys

import numpy as np
import pytest

from export.recognize import main
from keras_action.data import iter_frames, probe
from tests.litert.color_model import LABELS, color_clips, make_color_model

TRUTH = [("red", 1, 2), ("green", 3, 4), ("blue", 5, 6)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from keras_action.litert import convert

    path = tmp_path_factory.mktemp("model") / "int8.tflite"
    clips, _ = color_clips()
    keras_model = make_color_model()
    convert(keras_model, path, "int8", representative_clips=clips, labels=LABELS, clip_seconds=1.0)
    return path


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("label,start,end\n" + "".join(f"{label},{start},{end}\n" for label, start, end in TRUTH))
    return path


@pytest.mark.parametrize("kind", ["file", "run"])
def test_finds_the_gestures(kind, model, run, stream, truth, tmp_path, capsys):
    path = tmp_path / "events.json"
    source = model if kind == "file" else run
    main([str(source), "--video", str(stream), "--truth", str(truth), "--json", str(path)])
    text = capsys.readouterr().out
    assert "3 of 3 gestures found, 0 missed, 0 false events" in text
    assert "3 events in 70 frames" in text
    document = json.loads(path.read_text())
    assert [event["label"] for event in document["events"]] == [label for label, _, _ in TRUTH]
    for event, (_, start, end) in zip(document["events"], TRUTH, strict=True):
        assert event["start"] == pytest.approx(start, abs=0.4)
        assert event["end"] == pytest.approx(end, abs=0.4)
    assert len(document["truth"]["found"]) == 3


def test_json_alone_on_standard_output(model, stream, capsys):
    main([str(model), "--video", str(stream), "--json", "-"])
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["events"]) == 3
    assert "swipe" not in captured.err
    assert [line.split()[4] for line in captured.err.splitlines()[:3]] == ["red", "green", "blue"]


def test_draws_labels(model, stream, tmp_path):
    path = tmp_path / "labelled.mp4"
    main([str(model), "--video", str(stream), "--output-video", str(path)])
    info = probe(path)
    assert (info.num_frames, info.width, info.height) == (70, 64, 48)
    assert info.fps == pytest.approx(10)
    both = zip(iter_frames(stream), iter_frames(path), strict=True)
    changed = [np.abs(before.astype(int) - after)[-12:].mean() > 20 for (_, before), (_, after) in both]
    assert sum(changed[12:18]) == 6  # red from 1 s to 2 s
    assert sum(changed[22:28]) == 0


def test_options(model, stream, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("none\nrouge\nvert\nbleu\n")
    options = ["--labels", str(labels), "--clip-seconds", "0.8", "--stride", "0.1", "--threshold", "0.3"]
    main([str(model), "--video", str(stream), *options])
    assert [line.split()[4] for line in capsys.readouterr().out.splitlines()[:3]] == ["rouge", "vert", "bleu"]


def failure(arguments, capsys):
    """Returns what `main` writes to standard error when it exits with status 2."""
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    assert exit.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"", b"this is no video", "truncated"])
def test_bad_videos(model, stream, tmp_path, capsys, content):
    path = tmp_path / "video.mp4"
    if content is not None:
        path.write_bytes(stream.read_bytes()[:2000] if content == "truncated" else content)
    output = tmp_path / "labelled.mp4"
    message = failure([model, "--video", path, "--output-video", output, "--json", tmp_path / "a.json"], capsys)
    assert message.splitlines()[-1].startswith("error: ")
    assert str(path) in message
    assert "Traceback" not in message
    assert not output.exists()


def test_bad_input(model, stream, tmp_path, capsys):
    text = tmp_path / "text.tflite"
    text.write_text("no model")
    csv = tmp_path / "truth.csv"
    csv.write_text("label,begin,end\n")
    cases = {
        "is not a LiteRT file": [text, "--video", stream],
        "no such model": [tmp_path / "missing.tflite", "--video", stream],
        "['start'] are missing": [model, "--video", stream, "--truth", csv],
        "stride=-1": [model, "--video", stream, "--stride", "-1"],
        "--output-video must not be the --video itself": [model, "--video", stream, "--output-video", stream],
        "--output-video needs --video": [model, "--webcam", "0", "--output-video", "a.mp4"],
        "one of the arguments --video --webcam": [model],
    }
    for message, arguments in cases.items():
        assert message in failure(arguments, capsys)


def test_program_has_no_traceback(model, tmp_path):
    command = [sys.executable, "-m", "export.recognize", str(model), "--video", str(tmp_path / "missing.mp4")]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert result.returncode == 2
    assert "missing.mp4" in result.stderr
    assert "Traceback" not in result.stderr


class FakeCamera:
    """OpenCV's camera: 30 blue frames, which it gives as BGR, then nothing."""

    def __init__(self, number):
        self.frames, self.released = 30 if number == 0 else 0, False

    def isOpened(self):
        return self.frames > 0

    def read(self):
        import time

        self.frames -= 1
        time.sleep(0.05)
        return self.frames >= 0, np.full((24, 32, 3), (240, 30, 30), "uint8")

    def release(self):
        self.released = True


@pytest.mark.parametrize("number", [0, 1])
def test_webcam(model, monkeypatch, capsys, number):
    class FakeOpenCV:
        COLOR_BGR2RGB = None
        VideoCapture = FakeCamera

        @staticmethod
        def cvtColor(frame, code):
            return np.ascontiguousarray(frame[..., ::-1])

    monkeypatch.setitem(sys.modules, "cv2", FakeOpenCV)
    if number:
        assert "no such camera. Received: --webcam 1" in failure([model, "--webcam", number], capsys)
    else:
        main([str(model), "--webcam", "0"])
        text = capsys.readouterr().out
        assert "blue" in text
        assert "1 event in 30 frames" in text


def test_webcam_without_opencv(model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "pip install opencv-python-headless" in failure([model, "--webcam", "0"], capsys)

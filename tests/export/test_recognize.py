import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from export.live import Monitor
from export.recognize import main
from keras_action.data import iter_frames, video_info
from keras_action.litert import read_metadata, write_metadata
from keras_action.recognition import EventSettings, GestureRecognizer

TRUTH = [("red", 1, 2), ("green", 3, 4), ("blue", 5, 6)]


@pytest.fixture
def model(clip_file):
    return clip_file


@pytest.fixture
def truth(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("label,start,end\n" + "".join(f"{label},{start},{end}\n" for label, start, end in TRUTH))
    return path


@pytest.mark.parametrize("kind", ["clip_file", "stream_file", "run"])
def test_finds_the_gestures(kind, request, stream, truth, tmp_path, capsys):
    path = tmp_path / "events.json"
    source = request.getfixturevalue(kind)
    main([str(source), "--video", str(stream), "--truth", str(truth), "--json", str(path)])
    text = capsys.readouterr().out
    assert "3 of 3 gestures detected, 0 missed, 0 false alarms" in text
    assert "3 events in 70 frames" in text
    document = json.loads(path.read_text())
    assert [event["label"] for event in document["events"]] == [label for label, _, _ in TRUTH]
    for event, (_, start, end) in zip(document["events"], TRUTH, strict=True):
        assert event["start"] == pytest.approx(start, abs=0.4)
        assert event["end"] == pytest.approx(end, abs=0.4)
    assert len(document["truth"]["detected"]) == 3


@pytest.mark.parametrize(("merge_gap", "detected"), [(0.1, 3), (1.5, 1)])
def test_reports_in_time(merge_gap, detected, model, stream, truth, tmp_path, capsys):
    """A gesture is reported half a window and `merge_gap` after its end; the last one when the video ends."""
    settings, path = tmp_path / "events.json", tmp_path / "found.json"
    EventSettings.for_clips(1.0, smoothing=0.1, merge_gap=merge_gap).save(settings)
    arguments = [str(model), "--video", str(stream), "--truth", str(truth), "--settings", str(settings)]
    main([*arguments, "--matching", "end", "--json", str(path)])
    text = capsys.readouterr().out
    assert f"{detected} of 3 gestures detected, {3 - detected} missed" in text
    assert "latency from the end: median 0." in text
    assert len(json.loads(path.read_text())["truth"]["false_alarms"]) == 3 - detected
    main(arguments)
    assert "3 of 3 gestures detected" in capsys.readouterr().out


def test_tuned_settings_are_stored_in_the_file(model, stream, truth, tmp_path, capsys):
    from training import tune

    path = tmp_path / "gesture.tflite"
    path.write_bytes(model.read_bytes())
    video = shutil.copy(stream, tmp_path / "stream.mp4")
    shutil.copy(truth, tmp_path / "stream.mp4.csv")
    arguments = ["--streams", str(video), "--output", str(tmp_path / "events.json")]
    with pytest.raises(SystemExit, match=r"error: --store needs a .tflite file. Received: MODEL runs/mine"):
        tune.main(["runs/mine", *arguments, "--store"])
    tune.main([str(path), *arguments, "--firing", "early"])
    assert path.read_bytes() == model.read_bytes()
    metadata = read_metadata(path)
    earlier = {"trained_on_streams": True, "operating_points": [{"on_threshold": 0.5}]}
    write_metadata(path, dataclasses.replace(metadata, extra=earlier))
    tune.main([str(path), *arguments, "--firing", "early", "--store"])
    stored = json.loads((tmp_path / "events.json").read_text())
    assert read_metadata(path).extra == {"trained_on_streams": True, "event_settings": stored}
    assert GestureRecognizer(path).settings == EventSettings.load(tmp_path / "events.json")
    assert f", {path}" in capsys.readouterr().out


WARNING = (
    "warning: {} {}: in a stream it may detect few gestures, or none. Train a model of streams on the same clips: "
    "keras-action train --recipe streams --train CLIPS --output runs/live\n"
)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"trained_on_streams": False}, "was trained on whole clips"),
        ({}, "may have been trained on whole clips"),
        ({"trained_on_streams": True}, None),
        ({"trained_on_streams": False, "event_settings": EventSettings.for_clips(1.0).to_dict()}, None),
    ],
)
def test_a_model_that_has_seen_no_streams_says_so(metadata, reason, model, stream, tmp_path, capsys):
    path = tmp_path / "gesture.tflite"
    path.write_bytes(model.read_bytes())
    write_metadata(path, dataclasses.replace(read_metadata(path), extra=metadata))
    main([str(path), "--video", str(stream), "--json-lines", "-"])
    captured = capsys.readouterr()
    assert captured.err.startswith(WARNING.format("gesture.tflite", reason) if reason else "    ")
    assert len(captured.err.splitlines()) == 4 + (reason is not None)
    assert len(captured.out.splitlines()) == 3  # the lines of JSON alone
    settings = EventSettings.for_clips(1.0).save(tmp_path / "events.json")
    main([str(path), "--video", str(stream), "--settings", str(settings)])
    assert capsys.readouterr().err == ""


def test_a_run_on_whole_clips_says_so(run, stream, tmp_path, capsys):
    folder = shutil.copytree(run, tmp_path / "run")
    content = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**content, "trained_on_streams": False}))
    main([str(folder), "--video", str(stream)])
    assert capsys.readouterr().err == WARNING.format("run", "was trained on whole clips")
    main([str(run), "--video", str(stream)])
    assert capsys.readouterr().err == ""


def test_json_alone_on_standard_output(model, stream, capsys):
    main([str(model), "--video", str(stream), "--json", "-"])
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)["events"]) == 3
    assert "swipe" not in captured.err
    assert [line.split()[4] for line in captured.err.splitlines()[:3]] == ["red", "green", "blue"]


def test_draws_labels(model, stream, tmp_path):
    path = tmp_path / "labelled.mp4"
    main([str(model), "--video", str(stream), "--output-video", str(path)])
    info = video_info(path)
    assert (info.num_frames, info.width, info.height) == (70, 64, 48)
    assert info.fps == pytest.approx(10)
    both = zip(iter_frames(stream), iter_frames(path), strict=True)
    changed = [np.abs(before.astype(int) - after)[-12:].mean() > 20 for (_, before), (_, after) in both]
    assert sum(changed[12:18]) == 6  # red from 1 s to 2 s
    assert sum(changed[22:28]) == 0


# Other formats are written by the tests of animations; a GIF's palettes take longest.
@pytest.mark.parametrize("ending", ["mp4", pytest.param("gif", marks=pytest.mark.slow)])
def test_records_what_a_window_would_show(model, stream, tmp_path, ending):
    path = tmp_path / f"recorded.{ending}"
    main([str(model), "--video", str(stream), "--record", str(path), "--record-height", "240"])
    pictures = [picture for _, picture in iter_frames(path)]
    assert len(pictures) == 70
    assert pictures[0].shape == (240, 450, 3)  # the frame at 320 × 240, and a panel of 130
    accent = np.abs(np.stack(pictures).astype(int) - (76, 201, 184)).max(-1) < 60
    shown = accent[:, 180:, :320].mean((1, 2)) > 0.02  # the label of an event
    assert 20 <= shown.argmax() <= 36 and not shown[:20].any()  # red is over at 2 s, and reported after that
    assert accent[12:22, :, 320:].any()  # its bar, while it goes on


def test_stops_after_some_seconds(model, stream, tmp_path, capsys):
    labelled = tmp_path / "labelled.mp4"
    main([str(model), "--video", str(stream), "--seconds", "4.5", "--output-video", str(labelled)])
    assert "2 events in 45 frames" in capsys.readouterr().out
    assert video_info(labelled).num_frames == 45


def test_an_interrupted_record_is_kept(model, stream, tmp_path, capsys, monkeypatch):
    class Interrupting(Monitor):
        def push(self, frame, timestamp):
            if timestamp > 2.95:
                signal.raise_signal(signal.SIGINT)
            return super().push(frame, timestamp)

    monkeypatch.setattr("export.recognize.Monitor", Interrupting)
    before = signal.getsignal(signal.SIGINT)
    path = tmp_path / "recorded.mp4"
    main([str(model), "--video", str(stream), "--record", str(path), "--record-height", "100"])
    text = capsys.readouterr().out
    assert "interrupted\n" in text and "1 event in 31 frames" in text
    assert video_info(path).num_frames == 31
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupted_before_the_first_frame(model, stream, capsys, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_action.recognition.GestureRecognizer", interrupt)
    with pytest.raises(SystemExit) as exit:
        main([str(model), "--video", str(stream)])
    assert exit.value.code == 130 and capsys.readouterr().err == "interrupted\n"


def test_options(model, stream, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("none\nrouge\nvert\nbleu\n")
    options = ["--labels", str(labels), "--clip-seconds", "0.8", "--stride", "0.1", "--threshold", "0.3"]
    main([str(model), "--video", str(stream), *options])
    assert [line.split()[4] for line in capsys.readouterr().out.splitlines()[:3]] == ["rouge", "vert", "bleu"]


def test_windows_of_several_lengths(model, stream, capsys):
    main([str(model), "--video", str(stream), "--window-seconds", "0.6,1"])
    assert [line.split()[4] for line in capsys.readouterr().out.splitlines()[:3]] == ["red", "green", "blue"]
    main([str(model), "--video", str(stream), "--window-seconds", "0.6,1", "--threshold", "1"])
    assert "0 events in 70 frames" in capsys.readouterr().out


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
        "--record must not be the --video itself": [model, "--video", stream, "--record", stream],
        "--record needs --video or --frames": [model, "--webcam", "0", "--record", "a.gif"],
        "--webcam must be the number of a camera, from 0": [model, "--webcam", "-1"],
        "--seconds must be above 0": [model, "--video", stream, "--seconds", "0"],
        "--record-height must be 100 or more": [model, "--video", stream, "--record", "a.gif", "--record-height", "9"],
        "--output-video needs --video": [model, "--webcam", "0", "--output-video", "a.mp4"],
        "one of the arguments --video --webcam --url --frames": [model],
        "--frames and --fps go together": [model, "--frames", "a"],
        "not a frame folder": [model, "--frames", tmp_path / "missing", "--fps", "10"],
        "can't be opened": [model, "--url", "file:missing.mp4", "--no-show"],
        "--json and --json-lines can't both be -": [model, "--video", stream, "--json", "-", "--json-lines", "-"],
        "--num-threads must be 1 or more": [model, "--video", stream, "--num-threads", "0"],
    }
    for message, arguments in cases.items():
        assert message in failure(arguments, capsys)


def test_a_source_without_frames(model, stream, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("keras_action.data.iter_frames", lambda path: (frame for frame in ()))
    output = tmp_path / "events.jsonl"
    message = failure([model, "--video", stream, "--json-lines", output], capsys)
    assert message == f"error: {stream} has no frames.\n" and not output.exists()


def test_program_has_no_traceback(model, tmp_path):
    command = [sys.executable, "-m", "export.recognize", str(model), "--video", str(tmp_path / "missing.mp4")]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert result.returncode == 2
    assert "missing.mp4" in result.stderr
    assert "Traceback" not in result.stderr


class FakeCamera:
    """OpenCV's camera: 30 blue frames, which it gives as BGR, then nothing."""

    def __init__(self, number):
        self.frames = 30 if number == 0 else 0

    def isOpened(self):
        return self.frames > 0

    def read(self):
        self.frames -= 1
        time.sleep(0.05)
        return self.frames >= 0, np.full((24, 32, 3), (240, 30, 30), "uint8")

    def release(self):
        pass


@pytest.fixture
def opencv(monkeypatch):
    module = types.ModuleType("cv2")
    module.VideoCapture, module.COLOR_BGR2RGB = FakeCamera, 4
    module.cvtColor = lambda frame, code: np.ascontiguousarray(frame[..., ::-1])
    monkeypatch.setitem(sys.modules, "cv2", module)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return module


def test_webcam(model, opencv, capsys):
    main([str(model), "--webcam", "0", "--no-show"])
    text = capsys.readouterr().out
    assert "blue" in text
    assert "1 event in 30 frames" in text
    assert "Camera 1 can't be opened" in failure([model, "--webcam", "1", "--no-show"], capsys)


def test_interrupted_webcam_ends_with_a_summary(model, opencv, monkeypatch, capsys):
    class Interrupted(FakeCamera):
        def read(self):
            if self.frames == 5:
                raise KeyboardInterrupt
            return super().read()

    monkeypatch.setattr(opencv, "VideoCapture", Interrupted)
    main([str(model), "--webcam", "0", "--no-show"])
    text = capsys.readouterr().out
    assert "interrupted" in text
    assert "1 event in 25 frames" in text


def test_webcam_without_opencv(model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert "pip install opencv-python-headless" in failure([model, "--webcam", "0", "--no-show"], capsys)


def test_folder_of_frames(model, stream, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for index, (_, frame) in enumerate(iter_frames(stream)):
        image.fromarray(frame).save(tmp_path / f"{index}.png")
    main([str(model), "--frames", str(tmp_path), "--fps", "10"])
    assert "3 events in 70 frames" in capsys.readouterr().out


def test_stream_on_the_network(model, stream, capsys):
    """What is live keeps to its times, whether frames are dropped or not; FFmpeg opens a file as it does an address."""
    main([str(model), "--url", f"file:{stream}", "--no-show"])
    text = capsys.readouterr().out
    assert "in 70 frames, 6.9 s" in text


def test_json_lines(model, stream, tmp_path, capsys):
    path = tmp_path / "new" / "events.jsonl"
    main([str(model), "--video", str(stream), "--json-lines", str(path)])
    printed = capsys.readouterr().out
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [event["label"] for event in events] == [label for label, _, _ in TRUTH]
    main([str(model), "--video", str(stream), "--json-lines", "-"])
    captured = capsys.readouterr()
    assert captured.out == path.read_text()
    assert captured.err.splitlines()[:3] == printed.splitlines()[:3]
    failure([model, "--video", tmp_path / "mistyped.mp4", "--json-lines", path], capsys)
    assert path.read_text() == captured.out  # what was there is left


def test_settings_and_firing(model, stream, tmp_path, capsys):
    path = EventSettings.for_clips(1.0, ignore=("none", "green")).save(tmp_path / "events.json")

    def events(*options):
        main([str(model), "--video", str(stream), "--settings", str(path), *options, "--json-lines", "-"])
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    late, early = events(), events("--firing", "early", "--num-threads", "2")
    assert [event["label"] for event in late] == [event["label"] for event in early] == ["red", "blue"]
    assert early[0]["fired"] < late[0]["fired"] - 0.3
    path.write_text('{"on_treshold": 0.9}')
    assert "on_treshold" in failure([model, "--video", stream, "--settings", path], capsys)


def test_actions(model, stream, tmp_path, capsys):
    out = tmp_path / "out.txt"
    main([str(model), "--video", str(stream), "--on", "green", f'echo "$GESTURE_LABEL" >> {out}'])
    assert out.read_text() == "green\n"
    assert "--on up; labels are none, red" in failure([model, "--video", stream, "--on", "up", "true"], capsys)


def test_what_actions_print_is_not_among_the_json(model, stream, capfd):
    main([str(model), "--video", str(stream), "--on", "*", "echo done", "--json-lines", "-"])
    captured = capfd.readouterr()
    assert [json.loads(line)["label"] for line in captured.out.splitlines()] == [label for label, _, _ in TRUTH]
    assert captured.err.count("done\n") == 3


def test_window(model, stream, opencv, monkeypatch, capsys):
    """Esc ends after ten frames; what was seen so far is summed up."""
    pytest.importorskip("PIL", reason="Pillow is not installed")
    keys = iter([-1] * 9 + [27])
    opencv.WINDOW_NORMAL = opencv.WINDOW_KEEPRATIO = opencv.WINDOW_GUI_NORMAL = opencv.WND_PROP_VISIBLE = 0
    opencv.error = RuntimeError
    opencv.namedWindow = opencv.resizeWindow = opencv.imshow = opencv.destroyAllWindows = lambda *arguments: None
    opencv.resize = lambda frame, size: np.zeros((size[1], size[0], 3), "uint8")
    opencv.waitKeyEx = lambda milliseconds: next(keys)
    opencv.getWindowProperty = lambda *arguments: 1.0
    monkeypatch.setenv("DISPLAY", ":0")
    main([str(model), "--video", str(stream), "--show"])
    assert "events in 10 frames" in capsys.readouterr().out


def test_no_window(model, stream, opencv, capsys):
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux can be without a screen")
    assert "A window needs a screen" in failure([model, "--video", stream, "--show"], capsys)


def test_litert_files_do_without_tensorflow(model, stream):
    code = (
        "import sys; from export.recognize import main; main(sys.argv[1:]); "
        "print({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(model), "--video", str(stream)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "set()"

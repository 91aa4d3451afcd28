import argparse
import json

import pytest

from keras_action.programs.arguments import labels_of
from keras_action.recognition import EventSettings, GestureRecognizer, WindowEventSettings
from tests.recognition.fakes import LABELS, RedModel
from training import evaluate, tune
from training.streams import read_streams

pytest.importorskip("matplotlib", reason="Matplotlib is not installed")


def test_tune_then_evaluate(color_run, color_streams, tmp_path, capsys):
    videos = [str(path) for path in color_streams]
    settings, cache = tmp_path / "events.json", str(tmp_path / "cache")
    tune.main(
        [
            str(color_run),
            "--streams",
            *videos,
            "--output",
            str(settings),
            "--cache",
            cache,
            "--window-seconds",
            "1",
            "0.6,1",
        ]
    )
    out = capsys.readouterr().out
    assert "Windows: 1 s" in out and "Windows: 0.6 + 1 s" in out
    assert "on others: 6 of 6 gestures detected (100%), 0.00 false alarms per minute, 0 duplicates" in out
    assert EventSettings.load(settings).window_seconds == (1.0,)
    assert (tmp_path / "events.png").stat().st_size > 1000

    arguments = ["--stream", *videos, "--settings", str(settings), "--cache", cache, "--output", str(tmp_path / "out")]
    evaluate.main([str(color_run), *arguments])
    out = capsys.readouterr().out
    assert "2 streams, 18 s, 6 gestures" in out and "detection rate              100.0%" in out
    content = json.loads((tmp_path / "out" / "stream.json").read_text())
    assert (content["detected"], content["false_alarms"], content["duplicates"]) == (6, 0, 0)
    assert content["settings"] == EventSettings.load(settings).to_dict()
    assert [stream["video"] for stream in content["streams"]] == videos
    assert (tmp_path / "out" / "stream.png").stat().st_size > 1000
    assert content["matching"] == "overlap"
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_reports_in_time(color_run, color_streams, tmp_path, capsys):
    """A window of 1 s is classified half a second after its centre, and late firing waits for more."""
    videos, output = [str(path) for path in color_streams], str(tmp_path / "out")
    shared = ["--matching", "end", "--cache", str(tmp_path / "cache")]
    slow, fast = tmp_path / "slow.json", tmp_path / "fast.json"
    EventSettings.for_clips(1.0, merge_gap=2.0).save(slow)
    evaluate.main([str(color_run), "--stream", *videos, "--settings", str(slow), "--output", output, *shared])
    content = json.loads((tmp_path / "out" / "stream.json").read_text())
    assert (content["matching"], content["detected"], content["gestures"]) == ("end", 0, 6)

    tune.main([str(color_run), "--streams", *videos, "--output", str(fast), "--firing", "early", *shared])
    assert "on others: 6 of 6 gestures detected (100%), 0.00 false alarms per minute" in capsys.readouterr().out
    evaluate.main([str(color_run), "--stream", *videos, "--settings", str(fast), "--output", output, *shared])
    content = json.loads((tmp_path / "out" / "stream.json").read_text())
    assert (content["detected"], content["false_alarms"], content["duplicates"]) == (6, 0, 0)
    assert content["latency_90th_percentile"] <= 1


def test_windows_of_several_lengths(color_run, color_streams, tmp_path, capsys):
    output = tmp_path / "out"
    evaluate.main(
        [str(color_run), "--stream", *map(str, color_streams), "--window-seconds", "0.6,1.2", "--output", str(output)]
    )
    content = json.loads((output / "stream.json").read_text())
    assert content["settings"] == WindowEventSettings.for_windows((0.6, 1.2)).to_dict()
    assert (content["detected"], content["duplicates"]) == (6, 0)
    with pytest.raises(SystemExit):
        evaluate.main([str(color_run), "--stream", str(color_streams[0]), "--window-seconds", "0.6;1.2"])
    assert "expected seconds separated by commas, like 1.7,3.4. Received: '0.6;1.2'" in capsys.readouterr().err


def test_a_run_has_its_evaluation_in_its_folder(color_run, color_streams):
    evaluate.main([str(color_run), "--stream", str(color_streams[0])])
    assert (color_run / "stream.json").exists()


def test_options_reach_the_recogniser(color_run, color_streams, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("rest\n\nred\ngreen\nblue\n")
    settings = tmp_path / "events.json"
    tune.main(
        [
            *(str(color_run / "best.keras"), "--streams", str(color_streams[0]), "--output", str(settings)),
            *("--labels", str(labels), "--ignore", "rest", "--firing", "early", "--stride", "0.1"),
            *("--clip-seconds", "0.8", "--max-false-alarms", "0.5", "--curve", str(tmp_path / "curve.svg")),
        ]
    )
    found = EventSettings.load(settings)
    assert (found.ignore, found.firing, found.stride, found.window_seconds) == (("rest",), "early", 0.1, None)
    assert (tmp_path / "curve.svg").exists() and not (tmp_path / "events.png").exists()
    assert labels_of(argparse.Namespace(labels=labels)) == ("rest", "red", "green", "blue")
    assert labels_of(argparse.Namespace(labels=None)) is None


@pytest.mark.parametrize("truth", ["label,start,end\ngreen,1,2\n", "label,begin,end\n", None])
def test_truth_that_does_not_fit(truth, tmp_path):
    video = tmp_path / "video.mp4"
    if truth is not None:
        (tmp_path / "video.mp4.csv").write_text(truth)
    recognizer = GestureRecognizer(RedModel(), LABELS, 1.0)
    with pytest.raises((OSError, ValueError), match=r"video\.mp4\.csv"):
        read_streams(recognizer, "model", [video])


@pytest.mark.parametrize(
    ("program", "arguments", "message"),
    [
        (tune, ["missing", "--streams", "a.mp4", "--output", "x.json"], "no such model"),
        (tune, ["RUN", "--streams", "missing.mp4", "--output", "x.json"], "missing.mp4"),
        (tune, ["RUN", "--streams", "a.mp4", "--output", "x.json", "--window-seconds", "0"], "positive numbers"),
        (evaluate, ["RUN", "--stream", "missing.mp4"], "missing.mp4"),
        (evaluate, ["RUN", "--stream", "a.mp4", "--settings", "missing.json"], "missing.json"),
    ],
)
def test_errors(program, arguments, message, color_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        program.main([str(color_run) if argument == "RUN" else argument for argument in arguments])
    assert not list(tmp_path.iterdir())


def test_clips_or_streams(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["run", "--data", "x.csv", "--stream", "a.mp4"])
    assert "not allowed with argument" in capsys.readouterr().err

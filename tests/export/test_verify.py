import json

import pytest

from export.verify import main
from keras_action.litert import convert
from tests.litert.color_model import LABELS, color_clips, make_color_model


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "model.tflite"
    clips, _ = color_clips()
    convert(make_color_model(), path, quantization="int8", representative_clips=clips, labels=LABELS)
    return str(path)


def run_main(arguments):
    """Returns the exit status."""
    with pytest.raises(SystemExit) as exit:
        main([*arguments, "--runs", "3"])
    return exit.value.code


def test_report_and_status(file, run, clips, tmp_path, capsys):
    report = tmp_path / "report.json"
    limits = ["--min-accuracy", "1", "--max-accuracy-drop", "0.01", "--max-partitions", "1", "--max-rank", "4"]
    limits += ["--max-float-operators", "0", "--max-size-mb", "1", "--max-error", "0.2", "--max-latency-ms", "10000"]
    arguments = [file, "--model", str(run), "--data", str(clips)]
    assert run_main([*arguments, *limits, "--json", str(report)]) == 0
    text = capsys.readouterr().out
    for part in (
        "top-1             model 100.0%, file 100.0% of 24 clips",
        "XNNPACK parts     1",
        "latency",
        "operators",
    ):
        assert part in text
    values = json.loads(report.read_text())
    assert (values["accuracy"], values["failures"], values["summary"]["partitions"]) == (1, [], 1)
    assert values["latency"]["median_ms"] > 0

    assert run_main([*arguments, "--max-error", "0", "--max-latency-ms", "0", "--clips", "4", "--json", "-"]) == 1
    out, err = capsys.readouterr()
    assert len(json.loads(out)["failures"]) == 2
    assert "failed: the error of the logits is" in err and "failed: latency is" in err


def test_random_pixels_where_there_is_no_data(file, run, capsys):
    assert run_main([file, "--model", str(run)]) == 0
    assert "of 8 clips" in capsys.readouterr().out
    assert run_main([file, "--model", str(run), "--min-accuracy", "0.5"]) == 2
    assert "--min-accuracy and --max-accuracy-drop need --data" in capsys.readouterr().err


def test_what_can_not_be_read(file, run, tmp_path, capsys):
    text = tmp_path / "text.tflite"
    text.write_text("this is a text, not a model")
    make_color_model(num_segments=2).save(tmp_path / "other.keras")
    cases = {
        "is not a LiteRT file": [str(text), "--model", str(run)],
        "There is no such model": [file, "--model", str(tmp_path / "missing")],
        "is not a file of this model": [file, "--model", str(tmp_path / "other.keras")],
        "not a LiteRT file. Received": [file, "--model", file],
        "missing.csv": [file, "--model", str(run), "--data", str(tmp_path / "missing.csv")],
        "`kind` is for a PyTorch": [file, "--model", str(run), "--kind", "tsm"],
        "--clips must be positive": [file, "--model", str(run), "--clips", "0"],
    }
    for message, arguments in cases.items():
        assert run_main(arguments) == 2
        assert message in capsys.readouterr().err

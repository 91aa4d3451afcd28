import json

import pytest

from benchmarks import litert_streaming
from tests import tiny


def test_the_program_on_a_small_setting(capsys, monkeypatch, tmp_path):
    tiny.register(monkeypatch)
    setting = "--backbone tiny --models ACTION --formats float32 --threads 1 --rounds 2 --input-size 32 --cpu-time"
    arguments = [*setting.split(), "--files", str(tmp_path / "files"), "--output", str(tmp_path / "times.json")]
    litert_streaming.main(arguments)
    machine, _, head, _, plain, action = capsys.readouterr().out.splitlines()
    assert "frames of 32 pixels; 2 rounds; processor time" in machine
    assert head.startswith("| tiny, float32, 1 thread | ms | of plain |")
    assert plain.split(" | ")[0] == "| plain" and plain.split(" | ")[2] == "1.000" and plain.split(" | ")[4] == "0"
    assert action.split(" | ")[0] == "| ACTION" and action.split(" | ")[4] == "4,624"
    rows = json.loads((tmp_path / "times.json").read_text())["results"]
    assert [(row["name"], row["format"], row["threads"], len(row["wall"])) for row in rows] == [
        ("plain", "float32", 1, 2),
        ("ACTION", "float32", 1, 2),
    ]
    files = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "files").iterdir()}
    assert files.keys() == {"tiny_plain_float32_32.tflite", "tiny_action_float32_32.tflite"}
    litert_streaming.main(arguments)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "files").iterdir()} == files


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--rounds", "0"], "--rounds 0"), (["--threads", "0"], r"--threads \[0\]"), (["--backbone", "vgg"], "'vgg'")],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(SystemExit, match=message):
        litert_streaming.main(arguments)

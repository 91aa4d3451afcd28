import pytest

from benchmarks import litert_streaming
from tests import tiny


def test_the_program_on_a_small_setting(capsys, monkeypatch, tmp_path):
    tiny.register(monkeypatch)
    setting = "--backbone tiny --models ACTION --formats float32 --threads 1 --rounds 2 --input-size 32 --cpu-time"
    litert_streaming.main([*setting.split(), "--keep", str(tmp_path / "files")])
    machine, _, head, _, plain, action = capsys.readouterr().out.splitlines()
    assert "frames of 32 pixels; 2 rounds; processor time" in machine
    assert head.startswith("| tiny, float32, 1 thread | ms | of plain |")
    assert plain.split(" | ")[0] == "| plain" and plain.split(" | ")[2] == "1.000" and plain.split(" | ")[4] == "0"
    assert action.split(" | ")[0] == "| ACTION" and action.split(" | ")[4] == "4,624"
    assert {path.name for path in (tmp_path / "files").iterdir()} == {"plain_float32.tflite", "action_float32.tflite"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--rounds", "0"], "--rounds 0"), (["--threads", "0"], r"--threads \[0\]"), (["--backbone", "vgg"], "'vgg'")],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(SystemExit, match=message):
        litert_streaming.main(arguments)

import pytest

import keras_action
from keras_action.training.run import write_run
from tests import tiny
from training import visualize


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """A folder with a TSN run, an ACTION run and a video."""
    pytest.importorskip("av")
    tiny.register(monkeypatch)
    tiny.write_videos(tmp_path, per_class=1)
    for name, build in (("tsn", keras_action.build_tsn), ("action", keras_action.build_action_net)):
        (tmp_path / name).mkdir()
        build("tiny", 2, 2, input_size=32).save(tmp_path / name / "best.keras")
        write_run(tmp_path / name, tiny.recipe(), ("bright", "dark"), 1.0)
    return tmp_path


def test_pictures(runs, capsys, monkeypatch):
    monkeypatch.chdir(runs)
    visualize.main(["TSN=tsn", "action", "bright_0.mp4", "--label", "bright", "--columns", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("TSN: ") and lines[1].startswith("action: ")
    assert lines[2] == "Written: activation.png"
    assert (runs / "activation.png").read_bytes().startswith(b"\x89PNG")
    visualize.main(["action", "bright_0.mp4", "--method", "grad-cam", "--layer", "stem", "4", "--output", "a.mp4"])
    assert "stem (8 × 8)" in capsys.readouterr().out and (runs / "a.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tsn", "missing.mp4"], "missing.mp4"),
        (["nothing", "bright_0.mp4"], "There is no such model"),
        (["tsn", "bright_0.mp4", "--method", "masks"], "which has none"),
        (["tsn", "bright_0.mp4", "--class", "grey"], "Received: class_name='grey'"),
        (["tsn", "bright_0.mp4", "--output", "a.bmp"], "must end in one of"),
        (["action", "bright_0.mp4", "--method", "grad-cam", "--layer", "steam"], "'stem'"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*missing")
def test_errors_are_one_line(runs, monkeypatch, arguments, message):
    monkeypatch.chdir(runs)
    with pytest.raises(SystemExit, match=message) as error:
        visualize.main(arguments)
    assert str(error.value).startswith("error: ")
    assert not list(runs.glob("a.*"))

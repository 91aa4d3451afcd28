import numpy as np
import pytest

from tests import tiny


@pytest.fixture
def tiny_backbone(monkeypatch):
    """The tiny backbone, for the recipe of the file `tiny.__file__`."""
    tiny.register(monkeypatch)


@pytest.fixture(scope="session")
def color_run(tmp_path_factory):
    """A training run's folder with a model that names the colour of a clip of one second."""
    from tests.litert.color_model import write_color_run

    return write_color_run(tmp_path_factory.mktemp("runs") / "colors")


@pytest.fixture(scope="session")
def color_streams(tmp_path_factory):
    """Two videos of colours, each with its truth beside it."""
    pytest.importorskip("av", reason="the extra video is not installed")
    from keras_action.data import write_video
    from keras_action.utils.intervals import Interval, intervals_path, write_intervals

    folder, paths = tmp_path_factory.mktemp("streams"), []
    for number, order in enumerate((("red", "green", "blue"), ("blue", "red", "red"))):
        frames, truth = np.full((90, 48, 64, 3), 30, "uint8"), []
        for place, label in enumerate(order):
            start = 15 + 25 * place
            frames[start : start + 10, ..., ("red", "green", "blue").index(label)] = 220
            truth.append(Interval(label, start / 10, start / 10 + 1))
        paths.append(folder / f"stream_{number}.mp4")
        write_video(paths[-1], frames, fps=10)
        write_intervals(intervals_path(paths[-1]), truth)
    return paths

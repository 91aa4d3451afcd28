import numpy as np
import pytest


@pytest.fixture(scope="session")
def color_run(tmp_path_factory):
    """A training run's folder with a model that names the colour of a clip of one second."""
    from keras_action.recipes import Recipe
    from keras_action.runs import write_run
    from tests.litert.color_model import LABELS, make_color_model

    folder = tmp_path_factory.mktemp("runs") / "colors"
    folder.mkdir()
    make_color_model().save(folder / "best.keras")
    recipe = Recipe(model="tsn", num_segments=4, input_size=16, weights=None, color_jitter=0.0)
    write_run(folder, recipe, LABELS, 1.0)
    return folder


@pytest.fixture(scope="session")
def color_streams(tmp_path_factory):
    """Two videos of colours, each with its truth beside it."""
    pytest.importorskip("av", reason="the extra video is not installed")
    from keras_action.data import write_video
    from keras_action.segments import Segment, truth_path, write_segments

    folder, paths = tmp_path_factory.mktemp("streams"), []
    for number, order in enumerate((("red", "green", "blue"), ("blue", "red", "red"))):
        frames, truth = np.full((90, 48, 64, 3), 30, "uint8"), []
        for place, label in enumerate(order):
            start = 15 + 25 * place
            frames[start : start + 10, ..., ("red", "green", "blue").index(label)] = 220
            truth.append(Segment(label, start / 10, start / 10 + 1))
        paths.append(folder / f"stream_{number}.mp4")
        write_video(paths[-1], frames, fps=10)
        write_segments(truth_path(paths[-1]), truth)
    return paths

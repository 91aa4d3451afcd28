import io
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from keras_action.plots import confusion_matrix_figure, figure_to_png_bytes, save_figure

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")


def read_png(data):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@needs_matplotlib
@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("new/a.svg", b"<?xml")])
def test_save_figure(tmp_path, name, start):
    save_figure(confusion_matrix_figure([[1]], ["a"]), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


@needs_matplotlib
@pytest.mark.parametrize("name", ["figure", "figure.gif"])
def test_save_figure_needs_a_known_ending(tmp_path, name):
    with pytest.raises(ValueError, match=f"must end in .*Received: path=.*{name}"):
        save_figure(confusion_matrix_figure([[1]], ["a"]), tmp_path / name)
    assert not list(tmp_path.iterdir())


@needs_matplotlib
def test_no_label_is_cut_off():
    figure = confusion_matrix_figure(np.eye(9), ["Turning Hand Counterclockwise"] * 9, title="a title " * 12)
    image = read_png(figure_to_png_bytes(figure))
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    assert (frame == 255).all()


@needs_matplotlib
def test_drawing_leaves_pyplot_alone():
    import matplotlib.pyplot as plt

    confusion_matrix_figure([[1]], ["a"])
    assert plt.get_fignums() == []


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_action\[plot\]'"):
        confusion_matrix_figure([[1]], ["a"])

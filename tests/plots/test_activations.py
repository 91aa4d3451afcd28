import io
import itertools
from importlib.util import find_spec

import numpy as np
import pytest

from keras_action.data import count_frames, iter_frames
from keras_action.plots import activation_figure, figure_to_png_bytes, save_activation_animation
from keras_action.plots.overlay import overlay

pytestmark = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib is not installed")

FRAMES = np.full((4, 24, 32, 3), 100, "uint8")


def spot(height=3, width=4):
    """A map that is 2 at one place, which moves to the right, and −1 elsewhere."""
    maps = np.full((4, height, width), -1.0)
    maps[range(4), 1, range(4)] = 2.0
    return maps


def picture_of(panel):
    return np.asarray(panel.images[0].get_array())


def brightness(images):
    return images.astype("float64").sum(axis=-1)


def test_a_row_for_each_map_under_the_frames():
    figure = activation_figure({"TSN: left 51%": spot(), "ACTION": 3 * spot(6, 8)}, FRAMES, title="left", unit="logit")
    panels, bars = figure.axes[::2], figure.axes[1::2]
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == ["left: 4 frames, left to right in time", "TSN: left 51%", "ACTION"]
    # Each row has a scale of its own, from 0 on, with its unit.
    assert [[text.get_text() for text in bar.get_yticklabels()] for bar in bars[1:]] == [["0", "2"], ["0", "6"]]
    assert bars[1].get_ylabel() == "logit"
    # The brightest place of each frame is where its map is largest.
    row = picture_of(panels[1])
    step = (row.shape[1] + 1) // 4
    for i in range(4):
        frame = brightness(row[:, i * step : i * step + 32])
        _, column = np.unravel_index(frame.argmax(), frame.shape)
        assert i * 8 <= column < (i + 1) * 8
    assert panels[1].collections, "a line where half of the scale is reached"
    assert figure_to_png_bytes(figure).startswith(b"\x89PNG")


def test_values_without_a_place_are_a_strip_under_the_frames():
    strip = np.zeros((4, 5)) + 0.5
    strip[2, 0] = 0.7
    figure = activation_figure({"map": spot(), "ME": strip}, FRAMES, center=0.5)
    figure.draw_without_rendering()
    image = picture_of(figure.axes[4])
    assert image.shape == (5, picture_of(figure.axes[0]).shape[1], 3)
    changed = (image != image[-1, 0]).any(axis=-1)
    step = (image.shape[1] + 1) // 4
    assert changed[0, 2 * step : 2 * step + 32].all() and not changed[1:, 2 * step : 2 * step + 32].any()
    # As far to both sides of the centre, and as wide as the frames.
    assert [text.get_text() for text in figure.axes[5].get_yticklabels()] == ["0.3", "0.7"]
    left, right = (figure.axes[i].get_window_extent() for i in (0, 4))
    np.testing.assert_allclose((left.x0, left.x1), (right.x0, right.x1), atol=1)


def test_columns_are_spread_over_the_clip():
    frames = np.arange(8, dtype="uint8")[:, None, None, None] * np.full((8, 24, 32, 3), 30, "uint8")
    figure = activation_figure({"map": np.ones((8, 2, 2))}, frames, columns=2)
    assert figure.axes[0].get_title(loc="left") == "2 of 8 frames, left to right in time"
    picture = picture_of(figure.axes[0])
    assert (picture[0, 0, 0], picture[0, -1, 0]) == (2 * 30, 6 * 30)
    for columns in (0, 9):
        with pytest.raises(ValueError, match=f"from 1 to the 8 frames. Received: columns={columns}"):
            activation_figure({"map": np.ones((8, 2, 2))}, frames, columns=columns)


@pytest.mark.parametrize("values", [np.zeros((4, 2, 2)), np.full((4, 2, 2), -3.0)])
@pytest.mark.parametrize("center", [None, 0.0])
def test_a_map_of_nothing_is_drawn(values, center):
    figure = activation_figure({"map": values}, FRAMES, center=center)
    assert figure_to_png_bytes(figure).startswith(b"\x89PNG")


def test_a_map_is_scaled_up_pixel_area_on_pixel_area():
    class Identity:
        def __call__(self, values):
            return np.zeros((*values.shape, 3))

    maps = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    _, levels = overlay(np.zeros((1, 4, 4, 3), "uint8"), maps, Identity())
    np.testing.assert_allclose(levels[0, 0], [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(levels[0, :, 0], [0, 0.5, 1.5, 2])


@pytest.mark.parametrize("ending", [".gif", ".webp", ".mp4"])
def test_animation(ending, tmp_path):
    pytest.importorskip("av" if ending == ".mp4" else "PIL")
    path = tmp_path / f"clip{ending}"
    count = save_activation_animation(path, {"map": spot(), "ME": np.eye(4)}, FRAMES, seconds=2, title="swipe")
    assert count == 4 and [file.name for file in tmp_path.iterdir()] == [path.name]
    if ending != ".mp4":
        from PIL import Image

        file = Image.open(io.BytesIO(path.read_bytes()))
        assert (file.n_frames, file.info["loop"]) == (4, 0)
        pictures = []
        for i in range(4):
            file.seek(i)
            file.load()
            assert file.info["duration"] == 500
            pictures.append(np.asarray(file.convert("RGB")))
    else:
        assert count_frames(path) == 4
        times, pictures = zip(*iter_frames(path), strict=True)
        np.testing.assert_allclose(times, [0, 0.5, 1, 1.5], atol=0.01)
    # The bright spot moves to the right, in the second of the three pictures side by side.
    width = pictures[0].shape[1]
    middle = [picture[picture.shape[0] // 2 :, width * 28 // 100 : width * 56 // 100] for picture in pictures]
    changes = [np.abs(b.astype(int) - a).sum(axis=(0, 2)) for a, b in itertools.pairwise(middle)]
    centres = [np.average(np.arange(len(change)), weights=change) for change in changes]
    assert centres == sorted(centres) and centres[-1] > centres[0] + 10


@pytest.mark.parametrize(
    ("maps", "frames", "message"),
    [
        ({}, FRAMES, "at least one map"),
        ({"map": spot()[:3]}, FRAMES, r"T = 4 as the frames. Received: 'map' of shape \(3, 3, 4\)"),
        ({"map": np.zeros(4)}, FRAMES, r"of shape \(4,\)"),
        ({"map": np.full((4, 2, 2), np.nan)}, FRAMES, "must be finite"),
        ({"map": spot()}, FRAMES / 255, "dtype=float64"),
        ({"map": spot()}, FRAMES[0], r"shape=\(24, 32, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(maps, frames, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        activation_figure(maps, frames)
    with pytest.raises(ValueError, match=message):
        save_activation_animation(tmp_path / "a.gif", maps, frames, seconds=1)
    assert not list(tmp_path.iterdir())


def test_wrong_files_and_lengths(tmp_path):
    with pytest.raises(ValueError, match=r"Received: path=clip\.avi"):
        save_activation_animation("clip.avi", {"map": spot()}, FRAMES, seconds=1)
    with pytest.raises(ValueError, match="Received: seconds=0"):
        save_activation_animation(tmp_path / "clip.gif", {"map": spot()}, FRAMES, seconds=0)

import numpy as np
import pytest

import keras_action
from keras_action import data
from keras_action.training.model_files import ModelFile
from keras_action.training.recipe import Recipe
from tests import tiny

pytest.importorskip("av")
LABELS = ("left", "right", "none")


def opened(builder="build_action_net", labels=LABELS, frames=3, crop_to_aspect_ratio=False, **options):
    model = getattr(keras_action, builder)("tiny", 3, frames, input_size=32, **options)
    model.get_layer("classifier").bias.assign([0.0, 5.0, 10.0])  # "none" is what it predicts
    recipe = Recipe().replace(num_segments=frames, input_size=32, crop_to_aspect_ratio=crop_to_aspect_ratio)
    return ModelFile(path="model", model=model, num_segments=frames, input_size=(32, 32), labels=labels, recipe=recipe)


@pytest.fixture(autouse=True)
def backbone(monkeypatch):
    tiny.register(monkeypatch)


@pytest.fixture
def video(tmp_path):
    """Nine frames at six a second, each of one grey and brighter than the one before."""
    frames = np.arange(9, dtype="uint8")[:, None, None, None] * np.full((9, 48, 64, 3), 25, "uint8")
    data.write_video(tmp_path / "clip.mp4", frames, fps=6, crf=5)
    return tmp_path / "clip.mp4"


def test_a_row_for_each_model(video):
    models = {"TSN": opened("build_tsn"), "ACTION": opened()}
    activations = keras_action.visualize(models, video, label="left")
    # The middle frame of each third, finer than the model sees it.
    np.testing.assert_allclose(activations.frames.mean(axis=(1, 2, 3)), [25, 100, 175], atol=4)
    assert activations.frames.shape == (3, 160, 160, 3) and activations.seconds == pytest.approx(1.5)
    assert activations.title == "left" and activations.center is None
    inputs = activations.frames[:, :32, :32][None]  # each frame is of one colour
    for (title, values), (name, model) in zip(activations.maps.items(), models.items(), strict=True):
        logits = np.asarray(model.model(inputs.astype("float32")))[0]
        shares = np.exp(logits) / np.exp(logits).sum()
        assert title == f"{name}: none {shares[2]:.0%} (true: left {shares[0]:.0%})"
        np.testing.assert_allclose(
            values, keras_action.class_activation_maps(model.model, inputs)[0], atol=0.05 * np.abs(values).max()
        )


def test_the_class_that_is_asked_for(video):
    (title,) = keras_action.visualize({"A": opened()}, video, class_name="right", label="right").maps
    assert title == "A: right 1% (predicted: none 99%)"
    (title,) = keras_action.visualize({"A": opened(labels=None)}, video, class_name=1).maps
    assert title == "A: 1 1% (predicted: 2 99%)"
    with pytest.raises(ValueError, match="Received: class_name='up'"):
        keras_action.visualize({"A": opened()}, video, class_name="up")


def test_layers_and_masks(video):
    activations = keras_action.visualize({"A": opened()}, video, "grad-cam", layers=["stem", 4])
    assert [title.split(", ")[-1] for title in activations.maps] == ["stem (8 × 8)", "add (8 × 8)"]
    activations = keras_action.visualize({"A": opened(), "B": opened(paths=("ce",))}, video, "masks")
    shapes = {title: values.shape for title, values in activations.maps.items()}
    assert shapes == {
        "A: STE of branch_action (8 × 8)": (3, 8, 8),
        "A: CE of branch_action (8 channels)": (3, 8),
        "A: ME of branch_action (8 channels)": (3, 8),
        "B: CE of branch_action (8 channels)": (3, 8),
    }
    assert activations.center == 0.5
    with pytest.raises(ValueError, match="which has none"):
        keras_action.visualize({"TSN": opened("build_tsn")}, video, "masks")


def test_larger_frames_have_finer_maps_of_the_same_weights(video):
    model = opened()
    (title,), (values,) = zip(
        *keras_action.visualize({"A": model}, video, input_size=(64, 96)).maps.items(), strict=True
    )
    assert values.shape == (3, 16, 24)
    larger = keras_action.models.resize_model(model.model, (64, 96))
    frames = np.broadcast_to(np.array([25, 100, 175])[:, None, None, None], (1, 3, 64, 96, 3))
    expected = keras_action.class_activation_maps(larger, frames)[0]
    np.testing.assert_allclose(values, expected, atol=0.05 * np.abs(expected).max())
    assert title.startswith("A: none ")


def test_a_part_of_a_video_and_a_folder_of_frames(video, tmp_path):
    activations = keras_action.visualize({"A": opened()}, video, start=0.5, end=1.0)
    np.testing.assert_allclose(activations.frames.mean(axis=(1, 2, 3)), [75, 100, 125], atol=4)
    assert activations.seconds == 0.5 and activations.title == "clip.mp4"

    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(3):
        image.fromarray(np.full((48, 64, 3), 50 * i, "uint8")).save(folder / f"{i:05d}.png")
    activations = keras_action.visualize({"A": opened()}, folder)
    np.testing.assert_allclose(activations.frames.mean(axis=(1, 2, 3)), [0, 50, 100], atol=2)
    activations.save(tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_bytes().startswith(b"GIF")


def test_figure_and_file(video, tmp_path):
    pytest.importorskip("matplotlib")
    activations = keras_action.visualize({"A": opened()}, video)
    assert len(activations.figure(columns=2).axes) == 4
    activations.save(tmp_path / "a.png", columns=2)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (lambda: {}, "at least one model"),
        (lambda: {"A": opened(), "B": opened(frames=2)}, "'A': 3, 'B': 2"),
        (lambda: {"A": opened(), "B": opened(crop_to_aspect_ratio=True)}, "take the same frames"),
    ],
)
def test_models_must_see_the_same_frames(models, message, video):
    with pytest.raises(ValueError, match=message):
        keras_action.visualize(models(), video)


def test_wrong_arguments(video, tmp_path):
    with pytest.raises(ValueError, match="Received: method='scam'"):
        keras_action.visualize({"A": opened()}, video, "scam")
    (tmp_path / "broken.mp4").write_text("no video")
    with pytest.warns(UserWarning, match="broken"), pytest.raises(data.DecodingError, match=r"broken\.mp4"):
        keras_action.visualize({"A": opened()}, tmp_path / "broken.mp4")

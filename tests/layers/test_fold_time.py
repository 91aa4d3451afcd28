import keras
import numpy as np
import pytest

from keras_action.layers import FoldTime, UnfoldTime
from tests.test_case import assert_close, frames


def test_fold_and_unfold_are_inverse():
    clips = frames(3, 4, 5, 6, 2)
    folded = FoldTime()(clips)
    assert folded.shape == (12, 5, 6, 2)
    assert_close(UnfoldTime(4)(folded), clips)


def test_in_a_model_of_unknown_batch(tmp_path):
    x = keras.Input((4, 5, 2))
    model = keras.Model(x, UnfoldTime(4)(FoldTime()(x)))
    assert model.layers[1].output.shape == (None, 5, 2)
    assert model.output_shape == (None, 4, 5, 2)
    model.save(tmp_path / "model.keras")
    clips = frames(3, 4, 5, 2)
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras").predict(clips, verbose=0), clips)


def test_shapes_are_known_without_a_call():
    assert FoldTime().compute_output_shape((2, 8, 5, 3)) == (16, 5, 3)
    assert UnfoldTime(8).compute_output_shape((16, 83)) == (2, 8, 83)
    with pytest.raises(ValueError, match="num_segments=8 divides"):
        UnfoldTime(8).compute_output_shape((15, 83))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: UnfoldTime(4)(frames(6, 2)), "num_segments=4 divides"),
        (lambda: UnfoldTime(-1), "positive integer"),
        (lambda: FoldTime()(frames(6, 2)), "clips of shape"),
        (lambda: FoldTime()(keras.Input((None, 32, 32, 3))), "all but B known"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "Received:" in str(error.value)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 8, 32, 32, 3),
        pytest.param((2, 4, 48, 48, 3), marks=pytest.mark.one_backend),
        pytest.param((1, 4, 32, 48, 3), marks=pytest.mark.one_backend),
    ],
)
def test_a_model_takes_no_clips_of_another_shape(shape):
    clip = keras.Input((4, 32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(FoldTime()(clip))
    model = keras.Model(clip, UnfoldTime(4)(x))
    assert model.predict(np.zeros((1, 4, 32, 32, 3)), verbose=0).shape == (1, 4, 3)
    other = np.zeros(shape, "float32")
    for _ in range(2):  # after the first, TensorFlow traces with unknown sizes
        with pytest.raises(Exception, match=r"(expected shape|built with clips of shape).*4,\s*32,\s*32,\s*3"):
            model.predict(other, verbose=0)
    with pytest.raises(ValueError, match="expected shape"):
        model(other)
    with pytest.raises(ValueError, match=r"built with clips of shape \(B, 4, 32, 32, 3\)"):
        model.layers[1](other)
    assert model.predict(np.zeros((2, 4, 32, 32, 3)), verbose=0).shape == (2, 4, 3)

import keras
import numpy as np
import pytest

from keras_action import layers
from keras_action.layers import StreamingStep
from tests.test_case import assert_close, frames, numpy, randomise

CASES = {
    "action": lambda: layers.Action(6, causal=True),
    "fixed shift": lambda: layers.Action(6, shift="fixed", causal=True),
    "no shift": lambda: layers.Action(6, shift=None, paths=("me", "ste"), causal=True),
    "learnable": lambda: layers.TemporalShift(6, causal=True),
    "fixed": lambda: layers.TemporalShift(6, shift_divisor=3, mode="fixed", causal=True),
    "first channels": lambda: layers.TemporalShift(6, 3, "fixed", causal=True, past_channels="first"),
    "ste": lambda: layers.SpatioTemporalExcitation(6, causal=True),
    "ce": lambda: layers.ChannelExcitation(6, reduction=4, causal=True),
    "me": lambda: layers.MotionExcitation(6, reduction=4, causal=True),
}


def make(case, shape):
    layer = CASES[case]()
    layer.build(shape)
    randomise(layer)
    return layer


def zeros(layer, shape):
    return [np.zeros((shape[0], *part), "float32") for part in layer.state_shapes(shape).values()]


@pytest.mark.parametrize(
    "shape",
    [(2, 5, 6, 16), *(pytest.param(s, marks=pytest.mark.one_backend) for s in ((1, 1, 1, 8), (3, 2, 7, 9)))],
    ids=str,
)
@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.one_backend if " " in c else ()) for c in CASES])
def test_frame_by_frame_it_gives_what_the_layer_gives_for_the_clip(case, shape):
    batch, *frame = shape
    clips = frames(batch, 6, *frame)
    layer = make(case, (None, *frame))
    expected = numpy(layer(clips.reshape(-1, *frame))).reshape(clips.shape)
    step = StreamingStep(layer)
    for _ in range(2):  # the second time from zeros again
        states = zeros(layer, shape)
        for t in range(6):
            output, *after = step([keras.ops.convert_to_tensor(x) for x in (clips[:, t], *states)])
            assert [x.shape for x in after] == [x.shape for x in states]
            states = [numpy(x) for x in after]
            assert_close(output, expected[:, t], atol=1e-5)


@pytest.mark.parametrize(
    "case",
    [c if c in ("action", "learnable") else pytest.param(c, marks=pytest.mark.one_backend) for c in CASES],
)
def test_saving(case, tmp_path):
    shape = (2, 5, 6, 16)
    layer = make(case, (None, *shape[1:]))
    inputs = [keras.Input(x.shape[1:]) for x in (np.zeros(shape), *zeros(layer, shape))]
    model = keras.Model(inputs, StreamingStep(layer)(inputs))
    model.save(tmp_path / "step.keras")
    arrays = [frames(*shape), *zeros(layer, shape)]
    actual = keras.saving.load_model(tmp_path / "step.keras").predict(arrays, verbose=0)
    for a, b in zip(actual, model.predict(arrays, verbose=0), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_states_are_small():
    shape = (None, 56, 56, 64)
    assert layers.Action(8, shift="fixed", causal=True).state_shapes(shape) == {
        "shift": (56, 56, 8),
        "ce": (8,),
        "me": (4,),
        "started": (1,),
        "ste": (56, 112),
    }
    assert layers.TemporalShift(8, causal=True).state_shapes(shape) == {"shift": (2 * 56, 56, 64)}


def test_bad_layers():
    with pytest.raises(ValueError, match=r"needs `causal=True`.*Received: layer 'x' with causal=False"):
        StreamingStep(layers.Action(8, name="x"))
    with pytest.raises(ValueError, match="A temporal layer"):
        StreamingStep(keras.layers.Dense(8))

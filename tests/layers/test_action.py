import numpy as np
import pytest

from keras_action.layers import Action
from tests.layers import literal
from tests.test_case import assert_close, frames, numpy, randomise, reference, run_layer_test

CASES = {
    "all": {},
    "fixed shift": {"shift": "fixed"},
    "no shift": {"shift": None},
    "ste": {"paths": ("ste",)},
    "ce": {"paths": ("ce",)},
    "me": {"paths": ("me",), "shift": None},
    "two": {"paths": ("me", "ste")},
    "few channels to squeeze": {"reduction": 64},
}
# JAX need not repeat options: each path has tests of its own.
OPTIONS = [
    pytest.param(kwargs, id=name, marks=() if name in ("all", "fixed shift") else pytest.mark.one_backend)
    for name, kwargs in CASES.items()
]


def make(inputs, **kwargs):
    layer = Action(**kwargs)
    layer.build(inputs.shape)
    randomise(layer)
    return layer


def weights_of(layer):
    return {weight.path.split("/", 1)[-1]: numpy(weight) for weight in layer.weights}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("kwargs", OPTIONS)
def test_equals_the_literal_formula(kwargs, causal):
    inputs = frames(8, 5, 7, 32)
    layer = make(inputs, num_segments=4, causal=causal, **kwargs)
    weights = weights_of(layer)
    if kwargs.get("shift") == "fixed":
        kernel = weights["shift/kernel"] = np.zeros((3, 1, 32, 1))
        if causal:
            kernel[2] = 1
            kernel[2, 0, 4:8], kernel[1, 0, 4:8] = 0, 1
        else:
            kernel[2, 0, :4] = kernel[0, 0, 4:8] = kernel[1, 0, 8:] = 1
    paths = kwargs.get("paths", ("ste", "ce", "me"))
    outputs = layer(inputs)
    assert_close(outputs, literal.action(inputs, 4, weights, paths, causal=causal), atol=2e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kwargs", OPTIONS)
def test_a_causal_layer_does_not_see_later_frames(kwargs, training):
    inputs = frames(8, 5, 7, 32)
    layer = make(inputs, num_segments=4, causal=True, **kwargs)
    if layer.me:
        layer.me.norm.trainable = False  # its batch statistics are of all frames
    before = numpy(layer(inputs, training=training)).reshape(2, 4, 5, 7, 32)
    for t in range(1, 4):
        changed = inputs.reshape(2, 4, 5, 7, 32).copy()
        changed[:, t:] = frames(2, 4 - t, 5, 7, 32, seed=t)
        after = numpy(layer(changed.reshape(inputs.shape), training=training)).reshape(before.shape)
        assert_close(after[:, :t], before[:, :t], atol=1e-6)
        assert np.abs(after[:, t:] - before[:, t:]).max() > 0.1


@pytest.mark.parametrize("causal", [False, True])
def test_training_uses_and_updates_batch_statistics(causal):
    inputs = frames(8, 5, 7, 32)
    layer = make(inputs, num_segments=4, causal=causal)
    weights = weights_of(layer)
    expected = literal.action(inputs, 4, weights, training=True, causal=causal)
    assert_close(layer(inputs, training=True), expected, atol=2e-5)
    shifted = literal.shift(inputs, 4, weights["shift/kernel"], causal) @ weights["me/squeeze_kernel"]
    mean = 0.9 * weights["me/norm/moving_mean"] + 0.1 * shifted.mean(axis=(0, 1, 2))
    assert_close(layer.me.norm.moving_mean, mean, atol=1e-5)


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        pytest.param({"shift": "fixed", "paths": ("me", "ste")}, marks=pytest.mark.one_backend),
        pytest.param({"shift": None, "paths": "ce"}, marks=pytest.mark.one_backend),
        pytest.param({"causal": True}, marks=pytest.mark.one_backend),
    ],
)
def test_layer(kwargs, tmp_path):
    run_layer_test(lambda **extra: Action(num_segments=4, **kwargs, **extra), frames(8, 6, 5, 32), tmp_path)


@pytest.mark.parametrize(
    ("t", "shape"),
    [
        (1, (2, 4, 4, 32)),
        pytest.param(2, (4, 4, 4, 32), marks=pytest.mark.one_backend),
        pytest.param(4, (8, 1, 1, 32), marks=pytest.mark.one_backend),
        pytest.param(4, (8, 1, 5, 32), marks=pytest.mark.one_backend),
        pytest.param(4, (8, 2, 2, 8), marks=pytest.mark.one_backend),
        (4, (4, 3, 3, 9)),
    ],
)
def test_small_shapes_equal_the_literal_formula(t, shape):
    inputs = frames(*shape)
    layer = make(inputs, num_segments=t)
    assert_close(layer(inputs), literal.action(inputs, t, weights_of(layer)), atol=2e-5)


def test_frozen_layer_uses_stored_statistics():
    inputs = frames(8, 5, 5, 32)
    layer = make(inputs, num_segments=4)
    layer.trainable = False
    assert_close(layer(inputs, training=True), layer(inputs), atol=1e-6)


@pytest.mark.parametrize("shift", ["learnable", "fixed", None])
def test_number_of_parameters(shift):
    layer = Action(num_segments=8, shift=shift)
    layer.build((8, 7, 7, 64))
    squeezed = 4
    parameters = 27 + (2 * 64 * squeezed + 3 * squeezed**2) + (2 * 64 * squeezed + 9 * squeezed + 2 * squeezed)
    trainable = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    assert trainable == parameters + (3 * 64 if shift == "learnable" else 0)


@pytest.mark.parametrize(
    ("kwargs", "shape", "message"),
    [
        ({"num_segments": 0}, None, "`num_segments` must be a positive integer"),
        ({"num_segments": 2.5}, None, "num_segments=2.5"),
        ({"paths": ("ste", "xyz")}, None, "`paths` must be one or more of"),
        ({"paths": ()}, None, "`paths` must be one or more of"),
        ({"paths": ("ce", "ce")}, None, "each once"),
        ({"shift": "tsm"}, None, "`shift` must be"),
        ({"reduction": 0}, None, "`reduction` must be at least 1"),
        ({"shift_divisor": 1}, None, "`shift_divisor` must be at least 2"),
        ({"num_segments": 3}, (8, 4, 4, 32), "num_segments=3 divides"),
        ({"num_segments": 4}, (2, 4, 4, 4, 32), "expects frames of shape"),
        ({"num_segments": 4}, (4, 4, 4, 7), "shifts nothing below 8 channels"),
    ],
)
def test_bad_arguments(kwargs, shape, message):
    with pytest.raises(ValueError, match=message) as error:
        Action(**kwargs)(frames(*(shape or (8, 4, 4, 32))))
    assert "Received:" in str(error.value)


def test_batch_of_another_size_after_building():
    layer = Action(num_segments=4)
    layer(frames(8, 4, 4, 16))
    with pytest.raises(ValueError, match="num_segments=4 divides"):
        layer(frames(6, 4, 4, 16))


def test_equals_the_released_code_in_training():
    """The batch-normalised squeeze of one module of the reference run, in training mode, through the nine sums."""
    module = reference()
    name = "action_mobilenetv2_83c_8f_224px.npz"
    state = module.state_dict(name)
    key = "base_model.features.8.conv.0.action_"
    inputs = frames(16, 7, 7, 64)
    layer = Action(num_segments=8)
    layer.build(inputs.shape)
    layer.ste.kernel.assign(state[key + "p1_conv1.weight"].transpose(2, 3, 4, 1, 0))
    layer.me.squeeze_kernel.assign(state[key + "p3_squeeze.weight"][:, :, 0, 0].T)
    layer.me.spatial_kernel.assign(state[key + "p3_conv1.weight"].transpose(2, 3, 0, 1))
    assert_close(layer(inputs, training=True), literal.action(inputs, 8, weights_of(layer), training=True), atol=2e-5)

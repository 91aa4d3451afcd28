import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action
from tests import tiny
from tests.test_case import dtype_policy, numpy, randomise

FRAMES = 3
CLIPS = np.random.default_rng(0).integers(0, 256, (2, FRAMES, 32, 32, 3), dtype="uint8")


@pytest.fixture(autouse=True)
def backbone(monkeypatch):
    tiny.register(monkeypatch)


def modules(model):
    return [layer for layer in model.layers if isinstance(layer, Action)]


@pytest.mark.parametrize("shift", ["learnable", None])
def test_the_masks_are_those_the_module_multiplies_by(shift):
    model = keras_action.build_action_net("tiny", 4, FRAMES, input_size=32, shift=shift)
    (module,) = modules(model)
    randomise(module)
    masks = keras_action.excitation_masks(model, CLIPS)
    assert {name: mask.shape for name, mask in masks.items()} == {
        "ste": (2, FRAMES, 8, 8),
        "ce": (2, FRAMES, 8),
        "me": (2, FRAMES, 8),
    }
    assert all(0 < mask.min() < mask.max() < 1 for mask in masks.values())

    inputs, outputs = keras.Model(model.input, [module.input, module.output])(CLIPS.astype("float32"))
    shifted = inputs if shift is None else module.temporal_shift(inputs)
    shifted = numpy(shifted).reshape(2, FRAMES, 8, 8, 8)
    factor = 3 + masks["ste"][..., None] + (masks["ce"] + masks["me"])[:, :, None, None]
    np.testing.assert_allclose(shifted * factor, numpy(outputs).reshape(shifted.shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_the_masks_of_a_model_in_mixed_precision(policy):
    model = keras_action.build_action_net("tiny", 4, FRAMES, input_size=32)
    expected = keras_action.excitation_masks(model, CLIPS)
    with dtype_policy(policy):
        mixed = keras_action.build_action_net("tiny", 4, FRAMES, input_size=32)
    mixed.set_weights(model.get_weights())
    for name, mask in keras_action.excitation_masks(mixed, CLIPS).items():
        assert mask.dtype == np.float32
        np.testing.assert_allclose(mask, expected[name], atol=0.02)


def test_a_path_alone_has_its_mask_alone():
    model = keras_action.build_action_net("tiny", 4, FRAMES, input_size=32, paths=("me",))
    assert list(keras_action.excitation_masks(model, CLIPS)) == ["me"]


def test_the_module_is_found_by_name_and_by_stride():
    model = keras_action.build_action_net("mobilenet_v2", 4, 2, input_size=32, weights=None, alpha=0.35)
    given = np.zeros((1, 2, 32, 32, 3))
    shapes = {
        layer: keras_action.excitation_masks(model, given, layer)["ste"].shape[2:]
        for layer in (None, "block_2_expand_action", 8)
    }
    assert shapes == {None: (1, 1), "block_2_expand_action": (8, 8), 8: (4, 4)}
    with pytest.raises(ValueError, match=r"block_2_expand_action \(4\), .*Received: layer=2$"):
        keras_action.excitation_masks(model, given, 2)


def test_a_model_without_modules_has_none():
    model = keras_action.build_tsn("tiny", 4, FRAMES, input_size=32)
    with pytest.raises(ValueError, match="'tsn', which has none"):
        keras_action.excitation_masks(model, CLIPS)

import keras
import numpy as np
import pytest

from keras_action.layers import Action, FoldTime, UnfoldTime
from keras_action.litert import LiteRTModel, convert
from keras_action.litert.fake_quantization import RoundedActivations, RoundedLayer
from keras_action.litert.quantization_aware import quantization_aware, take_weights
from tests.litert.color_model import CLIP_SHAPE, make_color_model


def make_hard_model():
    """Mean colours to logits; a weight of 40 on a constant leaves the others' channels some three integers each."""
    clip = keras.Input(CLIP_SHAPE, name="clip")
    x = keras.layers.Rescaling(1 / 255)(FoldTime()(clip))
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4, activation="relu", name="widen")(x)
    x = UnfoldTime(4)(keras.layers.Dense(4, name="narrow")(x))
    model = keras.Model(clip, keras.layers.GlobalAveragePooling1D(name="logits")(x))
    model.get_layer("widen").set_weights([np.eye(3, 4, k=1), np.array([1.0, 0, 0, 0])])
    kernel = np.zeros((4, 4))
    kernel[0], kernel[1:, 1:] = 40, 1.5 * np.eye(3) - 0.5
    model.get_layer("narrow").set_weights([kernel, np.full(4, -40.0)])
    return model


def shades(count, rng):
    colors = rng.integers(0, 230, (count, 1, 1, 1, 3))
    return (colors + rng.integers(0, 25, (count, *CLIP_SHAPE))).astype("uint8")


def test_training_lowers_the_gap_of_the_int8_file(tmp_path):
    keras.utils.set_random_seed(0)
    rng, model = np.random.default_rng(0), make_hard_model()
    clips, others = shades(128, rng), shades(64, rng)
    targets, truth = (model.predict(x, verbose=0) for x in (clips, others))

    def gap():
        path = convert(model, tmp_path / "m.tflite", quantization="int8", representative_clips=clips).path
        return np.abs(LiteRTModel(path)(others) - truth).mean()

    before = gap()
    rounded = quantization_aware(model)
    rounded.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.003, 120)), "mse", jit_compile=False)
    rounded.fit(clips, targets, batch_size=16, epochs=15, verbose=0)
    take_weights(model, rounded)
    assert gap() < before / 3


@pytest.fixture(scope="module")
def small_model():
    keras.utils.set_random_seed(0)
    clip = keras.Input(CLIP_SHAPE, name="clip")
    x = keras.layers.Rescaling(1 / 255)(FoldTime()(clip))
    x = keras.layers.Conv2D(8, 3, name="conv")(x)
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization(name="norm")(x))
    x = Action(4, name="action")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D(name="pool")(x))
    x = UnfoldTime(4)(keras.layers.Dense(3, name="classifier")(x))
    return keras.Model(clip, keras.layers.GlobalAveragePooling1D(name="logits")(x))


def test_what_the_converter_fuses_is_rounded_once(small_model):
    rounded = quantization_aware(small_model)
    names = [layer.name for layer in rounded.layers if isinstance(layer, RoundedActivations)]
    layers = ("rescaling", "relu", "action", "pool", "classifier", "logits")
    assert [name.split("_")[0] for name in names] == list(layers)
    kernels = {layer.name for layer in rounded.layers if isinstance(layer, RoundedLayer)}
    assert kernels == {"conv", "norm", "action", "classifier"}


def test_a_fresh_copy_is_near_the_model_and_leaves_it_as_it_is(small_model):
    weights = small_model.get_weights()
    clips = shades(4, np.random.default_rng(0))
    expected = small_model.predict(clips, verbose=0)
    rounded = quantization_aware(small_model)
    rounded.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
    assert np.abs(rounded.predict(clips, verbose=0) - expected).max() < 0.02 * np.ptp(expected)
    rounded.fit(clips, expected + 1, batch_size=2, verbose=0)
    assert np.isfinite(rounded.predict(clips, verbose=0)).all()
    for old, new in zip(weights, small_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    take_weights(small_model, rounded)
    assert any(np.abs(old - new).max() > 0 for old, new in zip(weights, small_model.get_weights(), strict=True))
    statistics = small_model.get_layer("norm").get_weights()[2:]  # as stored
    np.testing.assert_array_equal(statistics, [np.zeros(8), np.ones(8)])


def test_saving(small_model, tmp_path):
    rounded = quantization_aware(small_model)
    rounded.save(tmp_path / "rounded.keras")
    again = keras.saving.load_model(tmp_path / "rounded.keras")
    clips = shades(2, np.random.default_rng(0))
    np.testing.assert_allclose(again.predict(clips, verbose=0), rounded.predict(clips, verbose=0), rtol=1e-5)


def test_weights_of_another_model(small_model):
    with pytest.raises(ValueError, match="must be what `quantization_aware` gives of the model"):
        take_weights(small_model, quantization_aware(make_color_model()))


def test_no_functional_model():
    with pytest.raises(ValueError, match="functional"):
        quantization_aware(lambda clips: clips)


def test_statistics_of_a_normalisation_are_used():
    clip = keras.Input(CLIP_SHAPE, name="clip")
    norm = keras.layers.Normalization(mean=[100.0, 50, 10], variance=[4.0, 9, 16])
    adapted = keras.layers.Normalization(name="adapted")
    adapted.adapt(np.random.default_rng(0).normal(30, 5, (64, 3)))
    x = keras.layers.GlobalAveragePooling2D()(norm(FoldTime()(clip)))
    x = UnfoldTime(4)(keras.layers.Dense(4)(adapted(x)))
    model = keras.Model(clip, keras.layers.GlobalAveragePooling1D()(x))
    clips = shades(2, np.random.default_rng(0)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(clips))
    gap = np.abs(keras.ops.convert_to_numpy(quantization_aware(model)(clips)) - expected).max()
    assert gap < 0.1 * np.ptp(expected)

import keras
import numpy as np
import pytest

import keras_action
from keras_action.layers import Action
from tests.test_case import frames, numpy

pytestmark = pytest.mark.usefixtures("eager")


def small_model():
    x = inputs = keras.Input((8, 8, 16), name="frames")
    y = keras.layers.Conv2D(16, 3, padding="same", name="conv")(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    x = keras.layers.Add(name="add")([x, y])
    return keras.Model(inputs, [x, keras.layers.GlobalAveragePooling2D(name="pool")(x)], name="small")


def test_the_copy_computes_what_the_graph_says_and_the_original_stays():
    model = small_model()
    x = frames(4, 8, 8, 16)
    before = model.predict(x, verbose=0)
    action = Action(num_segments=4, name="conv_action")
    copy = keras_action.insert_layers(model, {"conv": action})
    sums, pooled = copy.predict(x, verbose=0)

    excited = action(x)
    expected = x + numpy(model.get_layer("norm")(model.get_layer("conv")(excited)))
    np.testing.assert_allclose(sums, expected, atol=1e-5)
    np.testing.assert_allclose(pooled, sums.mean(axis=(1, 2)), atol=1e-5)
    for old, new in zip(before, model.predict(x, verbose=0), strict=True):
        np.testing.assert_array_equal(old, new)
    copy.get_layer("conv").kernel.assign(np.zeros((3, 3, 16, 16)))
    assert np.abs(numpy(model.get_layer("conv").kernel)).max() > 0


def test_the_copy_keeps_names_and_saves(tmp_path):
    model = small_model()
    copy = keras_action.insert_layers(model, {"norm": Action(num_segments=2, name="norm_action")})
    assert [layer.name for layer in copy.layers] == ["frames", "conv", "norm_action", "norm", "add", "pool"]
    assert copy.name == "small"
    copy.save(tmp_path / "copy.keras")
    x = frames(4, 8, 8, 16)
    for old, new in zip(
        copy.predict(x, verbose=0), keras.saving.load_model(tmp_path / "copy.keras").predict(x, verbose=0), strict=True
    ):
        np.testing.assert_allclose(old, new, atol=1e-6)


def test_unknown_layer_names_close_ones():
    with pytest.raises(ValueError, match=r"close ones are \['conv'.*Received: layer name 'convv'"):
        keras_action.insert_layers(small_model(), {"convv": Action(num_segments=2)})


def test_what_cannot_be_rebuilt_is_an_error():
    x = inputs = keras.Input((8, 8, 16))
    twice = keras.layers.Conv2D(16, 1, name="twice")
    with pytest.raises(ValueError, match=r"used twice.*Received: layer 'twice'"):
        keras_action.insert_layers(keras.Model(inputs, [twice(x), twice(twice(x))]), {})
    with pytest.raises(ValueError, match="Received: layer 'add' with 2 inputs"):
        keras_action.insert_layers(small_model(), {"add": Action(num_segments=2)})


def test_an_output_that_is_an_input_stays_one():
    inputs = keras.Input((8, 8, 16), name="frames")
    model = keras.Model(inputs, [inputs, keras.layers.Conv2D(2, 1, name="conv")(inputs)])
    same, _ = keras_action.insert_layers(model, {"conv": Action(num_segments=2)}).predict(
        frames(2, 8, 8, 16), verbose=0
    )
    np.testing.assert_array_equal(same, frames(2, 8, 8, 16))


def test_not_a_functional_model():
    with pytest.raises(ValueError, match="functional or a built sequential"):
        keras_action.insert_layers(keras.layers.Dense(3), {})


def test_a_sum_written_as_an_operator_has_two_inputs_too():
    inputs = keras.Input((8, 8, 16))
    total = inputs + keras.layers.Conv2D(16, 1)(inputs)
    model = keras.Model(inputs, keras.layers.ReLU()(total))
    name = total._keras_history.operation.name
    with pytest.raises(ValueError, match=f"Received: layer '{name}' with 2 inputs"):
        keras_action.insert_layers(model, {name: Action(num_segments=2)})


def test_a_layer_called_by_keyword_or_on_a_constant():
    inputs = keras.Input((8, 8, 16))
    scaled = 0.5 * inputs
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, name="conv")(inputs=scaled))
    for name in ("conv", scaled._keras_history.operation.name):
        action = Action(num_segments=2)
        copy = keras_action.insert_layers(model, {name: action})
        x = frames(2, 8, 8, 16)
        conv = model.get_layer("conv")
        excited = action(0.5 * x) if name == "conv" else 0.5 * action(x)
        np.testing.assert_allclose(numpy(copy(x)), numpy(conv(excited)), atol=1e-5)


def test_inputs_keep_their_names():
    inputs = keras.Input((8, 8, 16), name="frames")
    unnamed = keras.Input((8, 8, 16))
    model = keras.Model([inputs, unnamed], keras.layers.Add()([inputs, keras.layers.ReLU(name="relu")(unnamed)]))
    copy = keras_action.insert_layers(model, {"relu": Action(num_segments=2)})
    names = [{x._keras_history.operation.name for x in m.inputs} for m in (copy, model)]
    assert names[0] == names[1]


def test_statistics_of_a_normalisation_inside_a_nested_model_are_used():
    rng = np.random.default_rng(0)
    normalization = keras.layers.Normalization(axis=-1)
    inputs = keras.Input((8, 8, 16))
    normalization.build((None, 8, 8, 16))
    inner = keras.Sequential([normalization, keras.layers.ReLU()], name="inner")
    model = keras.Model(inputs, keras.layers.ReLU(name="relu")(inner(inputs)))
    normalization.set_weights([rng.uniform(1, 2, 16), rng.uniform(2, 3, 16), np.array(1)])
    normalization.finalize_state()
    copy = keras_action.insert_layers(model, {"relu": keras.layers.Identity()})
    x = frames(2, 8, 8, 16)
    np.testing.assert_allclose(numpy(copy(x)), numpy(model(x)), atol=1e-6)


def test_lambda_layers_of_a_model_in_memory_are_copied():
    inputs = keras.Input((8, 8, 16))
    x = keras.layers.Lambda(lambda x: 2 * x, output_shape=(8, 8, 16))(inputs)
    model = keras.Model(inputs, keras.layers.ReLU(name="relu")(x))
    copy = keras_action.insert_layers(model, {"relu": keras.layers.Identity()})
    x = frames(2, 8, 8, 16)
    np.testing.assert_allclose(numpy(copy(x)), numpy(model(x)), atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"frames": keras.layers.ReLU()}, "before or after an input layer"),
        ({keras_action.InsertionPoint(after="frames"): keras.layers.ReLU()}, "before or after an input layer"),
        ({"conv": "relu"}, "must be Keras layers. Received: 'relu'"),
        ({keras_action.InsertionPoint(before="norm", source="frames"): keras.layers.ReLU()}, "not take an output"),
    ],
)
def test_what_would_be_lost_is_an_error(layers, message):
    with pytest.raises(ValueError, match=message):
        keras_action.insert_layers(small_model(), layers)


def test_one_layer_cannot_go_to_two_places():
    action = Action(num_segments=2)
    with pytest.raises(ValueError, match="for several places"):
        keras_action.insert_layers(small_model(), {"conv": action, "norm": action})

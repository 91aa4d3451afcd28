"""The fused batch normalisation computes what Keras' own does."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_action
from keras_action.training import use_fused_batch_norm
from tests import tiny

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the TensorFlow backend")


def model_of(norm, shape, dtype=None):
    inputs = keras.Input(shape[1:])
    return keras.Model(inputs, norm(inputs))


def filled(norm, shape, seed=0):
    """A model of one layer with random weights."""
    model = model_of(norm, shape)
    rng = np.random.default_rng(seed)
    channels = shape[norm.axis]
    norm.set_weights([rng.uniform(0.5, 1.5, channels) for _ in norm.weights])
    return model


def forward_and_backward(model, x, upstream):
    """Output, gradients of input and weights, and the moving statistics after one training step."""
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, "float32") * upstream)
    gradients = tape.gradient(loss, [x, *(v.value for v in model.trainable_variables)])
    return [ops.convert_to_numpy(ops.cast(t, "float32")) for t in (y, *gradients, *model.non_trainable_variables)]


CASES = {
    "feature maps": ((4, 7, 5, 6), {}, "float32"),
    "one value a channel": ((1, 1, 1, 3), {}, "float32"),
    "another momentum": ((2, 4, 4, 8), {"momentum": 0.9, "epsilon": 1e-5}, "float32"),
    "bfloat16": ((4, 7, 5, 6), {"dtype": "mixed_bfloat16"}, "bfloat16"),
    "frozen": ((4, 7, 5, 6), {"trainable": False}, "float32"),
    "no scale": ((4, 7, 5, 6), {"scale": False}, "float32"),
    "no offset": ((4, 7, 5, 6), {"center": False}, "float32"),
    "vectors": ((8, 6), {}, "float32"),
    "channels first": ((2, 3, 4, 5), {"axis": 1}, "float32"),
    "double precision": ((4, 7, 5, 6), {"dtype": "float64"}, "float64"),
}


@pytest.mark.parametrize(("shape", "options", "dtype"), CASES.values(), ids=CASES)
def test_same_as_keras(shape, options, dtype):
    rng = np.random.default_rng(1)
    x = ops.cast(rng.normal(1, 2, shape), dtype)
    upstream = rng.normal(size=shape).astype("float32")
    plain, fused = (filled(keras.layers.BatchNormalization(**options), shape) for _ in range(2))
    use_fused_batch_norm(fused)
    tolerance = 2e-2 if dtype == "bfloat16" else 1e-4
    expected = forward_and_backward(plain, x, upstream)
    actual = forward_and_backward(fused, x, upstream)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(  # in inference, with the new statistics
        *(ops.convert_to_numpy(ops.cast(model(x), "float32")) for model in (fused, plain)), rtol=1e-3, atol=1e-3
    )


def test_statistics_over_replicas_stay_keras_own():
    norm = keras.layers.BatchNormalization(synchronized=True)
    model = model_of(norm, (2, 4, 4, 3))
    use_fused_batch_norm(model)
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    assert not any(node.type.startswith("FusedBatchNorm") for node in operations(model, x))


def operations(model, x):
    """The operations of TensorFlow's graph of a training pass."""
    import tensorflow as tf

    graph = tf.function(lambda frames: model(frames, training=True)).get_concrete_function(tf.convert_to_tensor(x))
    return graph.graph.get_operations()


def test_action_net_trains_the_same(tmp_path, monkeypatch):
    tiny.register(monkeypatch)
    x = np.random.default_rng(0).integers(0, 256, (8, 4, 64, 64, 3), np.uint8)
    y = np.eye(8, dtype="float32")
    losses = []
    for is_fused in (False, True):
        keras.utils.set_random_seed(0)
        model = keras_action.build_action_net("tiny_norm", 8, 4, input_size=64, weights=None, dropout=0.0)
        for _ in range(2 if is_fused else 0):  # twice is as once
            use_fused_batch_norm(model)
        model.compile(keras.optimizers.SGD(0.01), keras.losses.CategoricalCrossentropy(from_logits=True))
        losses.append([float(model.train_on_batch(x, y)) for _ in range(3)])
        count = sum(node.type == "FusedBatchNormV3" for node in operations(model, x))
        norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
        assert count == (len(norms) if is_fused else 0) and len(norms) > 2
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x)))
    copy = keras.models.clone_model(model)
    assert all(type(layer) in {type(other) for other in model._flatten_layers()} for layer in copy._flatten_layers())

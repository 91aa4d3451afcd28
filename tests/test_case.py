"""Checks that tests share: what every layer must do, and where the files of shared/ are."""

import contextlib
import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared(path):
    """A path in shared/; the test skips, saying so, where it is absent."""
    if not (SHARED / path).exists():
        pytest.skip(f"shared/{path} is not here")
    return SHARED / path


def reference():
    """The module that draws the reference models' weights and inputs."""
    spec = importlib.util.spec_from_file_location("reference", shared("reference/reference.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def dtype_policy(policy):
    """A context in which models are built with a policy, such as "mixed_float16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def eagerly():
    """A context in which TensorFlow's functions run eagerly: to trace a tiny model takes longer than to run it."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def frames(*shape, seed=0):
    """Normal random numbers, float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def numpy(x):
    """A tensor or variable of any backend as a NumPy array."""
    return keras.ops.convert_to_numpy(x)


def assert_close(actual, expected, **tolerance):
    """`np.testing.assert_allclose` of tensors of any backend."""
    np.testing.assert_allclose(numpy(actual), numpy(expected), **tolerance)


def randomise(layer, seed=0):
    """Gives every weight of a built layer random values, so that none stays at one or zero."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        low, high = (0.5, 1.5) if "variance" in weight.path or "gamma" in weight.path else (-0.7, 0.7)
        weight.assign(rng.uniform(low, high, weight.shape).astype("float32"))


def run_layer_test(make_layer, inputs, tmp_path):
    """What every layer must do: graph as eager, dynamic batch, configuration, saving, mixed precision.

    Args:
        make_layer: Function from keyword arguments (`dtype`) to a new layer.
        inputs: Float32 array `(B·T, H, W, C)`.
        tmp_path: Where to save.
    """
    layer = make_layer()
    expected = keras.ops.convert_to_numpy(layer(inputs))
    assert expected.shape == layer.compute_output_shape(inputs.shape)

    # In a compiled graph of unknown batch size, saved and loaded.
    x = keras.Input(inputs.shape[1:])
    model = keras.Model(x, layer(x))
    assert model.output_shape[0] is None
    np.testing.assert_allclose(model.predict(inputs, verbose=0), expected, atol=1e-5)
    model.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras")
    assert_close(loaded(inputs), expected, atol=1e-5)

    # The configuration makes the same layer again.
    twin = layer.__class__.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()

    tolerances = {"mixed_float16": 0.02, "mixed_bfloat16": 0.15}
    if keras.backend.backend() == "jax":  # it converts types alike, and compiles each operation anew
        del tolerances["mixed_bfloat16"]
    for dtype, tolerance in tolerances.items():
        mixed = make_layer(dtype=dtype)
        mixed.build(inputs.shape)
        mixed.set_weights(layer.get_weights())
        outputs = mixed(inputs)
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype.removeprefix("mixed_")
        outputs = keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
        np.testing.assert_allclose(outputs, expected, atol=tolerance * np.abs(expected).max())
        for weight in mixed.trainable_weights:
            assert weight.dtype == "float32"
        x = keras.Input(inputs.shape[1:])
        graph = keras.Model(x, mixed(x))
        # Once: to compile takes longest. JAX converts types alike, compiled or not.
        if dtype == "mixed_float16" and keras.backend.backend() != "jax":
            graph.predict(inputs, verbose=0)

    if layer.trainable_weights:
        run_training_test(make_layer(), inputs)


def run_training_test(layer, inputs):
    """One step of `fit` changes every trainable weight and leaves all finite."""
    x = keras.Input(inputs.shape[1:])
    model = keras.Model(x, layer(x))
    randomise(layer)
    before = [keras.ops.convert_to_numpy(w) for w in layer.trainable_weights]
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    model.fit(inputs, 2 * inputs, batch_size=len(inputs), verbose=0)
    for weight, old in zip(layer.trainable_weights, before, strict=True):
        new = keras.ops.convert_to_numpy(weight)
        assert np.isfinite(new).all()
        assert np.abs(new - old).max() > 0, f"{weight.path} did not change"

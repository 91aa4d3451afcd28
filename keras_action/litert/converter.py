"""Converts Keras models of fixed shapes to LiteRT files with float activations."""

import re
import tempfile

from keras_action.litert.requirements import ConversionError
from keras_action.litert.silence import silenced_output
from keras_action.utils.signature import SIGNATURE

# Prefix of the names of all tensors. It is always the same, so that tensors of two files of a model can be compared.
WRAPPER = "litert"

_MISSING = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_SCOPE = re.compile(r'"([^"@]+/[^"@]+)@')


def float_bytes(inputs, outputs, names, quantization="float32"):
    """Converts a graph of Keras tensors.

    Args:
        inputs: List of `keras.Input`, with a batch of one and their names in the signature.
        outputs: A dict of Keras tensors, by their names in the signature.
        names: The `LayerNames` of the model, for errors.
        quantization: `"float32"`, `"float16"` or `"dynamic"`; formats of integers begin with `"float32"`.

    Returns:
        The bytes of the file.

    Raises:
        ConversionError: If the converter fails.
    """
    import keras
    import tensorflow as tf

    with silenced_output():
        try:
            model = keras.Model(inputs, outputs, name=WRAPPER)
            # The same file as by `from_keras_model`, which takes twice as long: it lists and saves all layers.
            function = tf.function(
                lambda *tensors: model(list(tensors) if len(tensors) > 1 else tensors[0], training=False),
                input_signature=[tf.TensorSpec(x.shape, x.dtype, x.name) for x in inputs],
                autograph=False,
            ).get_concrete_function()
            module = tf.Module()
            module.captured = list(function.graph.variables)
            with tempfile.TemporaryDirectory() as folder:
                tf.saved_model.save(module, folder, {SIGNATURE: function})
                return _convert(tf.lite.TFLiteConverter.from_saved_model(folder), quantization)
        except Exception as error:  # the converter raises errors of many types
            raise ConversionError(_reason(str(error), names) or f"The LiteRT converter failed: {error!r}") from error


def _convert(converter, quantization):
    import tensorflow as tf

    if quantization in ("float16", "dynamic"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def in_float32(model):
    """The same model in float32; a copy if it is in mixed precision."""
    import keras

    from keras_action.models.insertion import finalize_normalizations, uncompiled

    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def clone(layer):
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    def float32_input(x):  # states are of the precision that the layers compute in
        dtype = "float32" if keras.backend.is_float_dtype(x.dtype) else x.dtype
        return keras.Input(batch_shape=x.shape, dtype=dtype, name=x.name)

    inputs = keras.tree.map_structure(float32_input, model.input)
    copy = keras.models.clone_model(uncompiled(model), input_tensors=inputs, clone_function=clone, recursive=True)
    copy.set_weights(model.get_weights())
    finalize_normalizations(copy)
    return copy


def _reason(message, names):
    """The converter's error in a sentence: the operators that LiteRT does not have, and their layers."""
    missing = {}
    for line in message.splitlines():
        operator, scope = _MISSING.search(line), _SCOPE.search(line)
        if operator:
            layers = names.of([scope.group(1)]) if scope else ()
            missing[operator.group(1)] = f" of layer {' and '.join(layers)}" if layers else ""
    if missing:
        listed = "; ".join(f"{operator}{layers}" for operator, layers in missing.items())
        return f"The file is refused: LiteRT does not have these operators. Received: {listed}"
    lines = [line for line in message.strip().splitlines() if line]
    return f"The LiteRT converter failed: {lines[0]}" if lines else None

"""Quantisation-aware training: a model that computes with an int8 file's rounding while it learns."""

import keras

from keras_action.layers import FoldTime, UnfoldTime
from keras_action.litert.converter import in_float32
from keras_action.litert.fake_quantization import RoundedActivations, RoundedLayer
from keras_action.models.graph import Graph
from keras_action.models.insertion import as_functional, copy_layer, finalize_normalizations, uncompiled

# The converter makes one operator of a layer and these behind it: what is between is never rounded.
_FUSED = (keras.layers.BatchNormalization, keras.layers.ReLU)
# Their values are those of their input, at other places.
_MOVES = (
    FoldTime,
    UnfoldTime,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.MaxPooling2D,
    keras.layers.Reshape,
    keras.layers.ZeroPadding2D,
)
_ROUNDED_SUFFIX = "_rounded"


def quantization_aware(model, momentum=0.9):
    """A copy of a model that rounds as its int8 file will, to be trained on.

    Kernels are rounded, of each channel its own, and the activations that layers hand on. Batch normalisation uses its
    stored statistics, which become constants in the file. What is rounded inside of a layer of several operators, as
    `Action`, is not imitated but for its kernels.

    It is our own, and small, as the libraries that do this do not work on Keras 3 models: tfmot needs Keras 2, and AI
    Edge Quantizer quantises after training alone.

    Args:
        model: A functional Keras model, trained.
        momentum: Of the moving averages of the activations' ranges.

    Returns:
        A functional `keras.Model` of the same inputs, outputs and layer names, with weights of its own, not compiled.
        Train it at a low learning rate, then `take_weights`.

    Raises:
        ValueError: If the model is not functional.

    Example:

    ```python
    rounded = quantization_aware(model)
    rounded.compile(keras.optimizers.SGD(1e-3, momentum=0.9), keras.losses.CategoricalCrossentropy(from_logits=True))
    rounded.fit(batches, epochs=2)
    take_weights(model, rounded)
    keras_action.litert.convert(model, "gesture.tflite", quantization="int8", representative_clips=clips)
    ```

    Reference: [Jacob et al., 2018](https://arxiv.org/abs/1712.05877), section 3.
    """
    model = in_float32(as_functional(model))
    plain = uncompiled(model)
    rounds = _rounded_outputs(plain)

    def clone(layer):
        copy = copy_layer(layer)
        return RoundedLayer(copy, name=layer.name) if layer.weights else copy

    def call(layer, *args, **kwargs):
        # Keras hands on the masks and phases that the original was called with; there are none here.
        outputs = layer(*args) if isinstance(layer, RoundedLayer) else layer(*args, **kwargs)
        if layer.name in rounds:
            outputs = RoundedActivations(momentum, name=layer.name + _ROUNDED_SUFFIX)(outputs)
        return outputs

    copy = keras.models.clone_model(plain, clone_function=clone, call_function=call)
    for layer in plain.layers:
        if layer.weights:
            inner = copy.get_layer(layer.name).layer
            inner.set_weights(layer.get_weights())
            finalize_normalizations(inner)
    return copy


def take_weights(model, rounded):
    """Put what a quantisation-aware copy has learnt into the model.

    Args:
        model: The model that `quantization_aware` was called with.
        rounded: What it gave.

    Raises:
        ValueError: If it is a copy of another model.
    """
    wrappers = {layer.name: layer.layer for layer in rounded.layers if isinstance(layer, RoundedLayer)}
    names = [layer.name for layer in model.layers if layer.weights]
    if sorted(names) != sorted(wrappers):
        raise ValueError(
            "`rounded` must be what `quantization_aware` gives of the model. "
            f"Received: a model with the layers {names}, a copy with {sorted(wrappers)}"
        )
    for name in names:
        model.get_layer(name).set_weights(wrappers[name].get_weights())


def _rounded_outputs(model):
    """The names of the layers whose output is an activation of the file."""
    graph = Graph(model)

    def is_fused(name):
        others = [graph.operations[other] for other in graph.takers[name]]
        return len(others) == 1 and (isinstance(others[0], _FUSED) or _is_relu(others[0]))

    return {
        layer.name
        for layer in model.layers
        if not isinstance(layer, (keras.layers.InputLayer, *_MOVES)) and not is_fused(layer.name)
    }


def _is_relu(operation):
    return isinstance(operation, keras.layers.Activation) and operation.activation in (
        keras.activations.relu,
        keras.activations.relu6,
    )

"""Rebuilds a model for LiteRT: the same function in operators that run fast there."""

import keras
import numpy as np
from keras import ops

from keras_action.layers import Action, ReverseChannels, StreamingStep, TemporalMemory, TemporalShift
from keras_action.layers.excitation import Excitation
from keras_action.litert.inference_action import InferenceAction
from keras_action.litert.inference_pooling import InferencePooling, is_replaced
from keras_action.litert.inference_step import InferenceStep
from keras_action.models.graph import Graph
from keras_action.models.insertion import as_functional, copy_layer, finalize_normalizations, uncompiled

_TEMPORAL = (Action, Excitation, StreamingStep, TemporalShift)


def deployment_model(model):
    """A model for the LiteRT converter that computes the same function as `model` at inference.

    - Temporal layers become `InferenceAction`, those of a streaming model `InferenceStep`, whose constants are
      precomputed.
    - If RGB frames are normalised before a convolution, the scale and the order of the channels become part of its
      kernel. Only the addition of a constant to each channel remains.
    - Average pooling, and pooling of single pixels, becomes a depthwise convolution.

    All other layers are copied. `model` does not change.

    Args:
        model: A functional Keras model, of `build_action_net`, `build_tsm`, `build_tsn` or `streaming_model`.

    Returns:
        A functional `keras.Model` with the same inputs, outputs and layer names, for inference only, not compiled.

    Raises:
        ValueError: If `model` is not functional.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> clips = np.zeros((1, 8, 224, 224, 3))
    >>> np.testing.assert_allclose(deployment_model(model)(clips), model(clips), atol=1e-4)
    """
    model = as_functional(model)
    replaced = {
        layer.name: layer
        for layer in model.layers
        if isinstance(layer, _TEMPORAL) and not isinstance(getattr(layer, "layer", None), TemporalMemory)
    }
    folded = _fold_normalisation(model)

    def clone(layer):
        if layer.name in replaced:
            return (InferenceStep if isinstance(layer, StreamingStep) else InferenceAction).like(layer)
        if isinstance(layer, TemporalMemory):  # without a loop, which the delegate does not support
            return copy_layer(layer, {"unroll": True})
        if is_replaced(layer):
            return InferencePooling.like(layer)
        return folded[layer.name][0] if layer.name in folded else copy_layer(layer)

    copy = keras.models.clone_model(uncompiled(model), clone_function=clone)
    for layer in copy.layers:
        if layer.name in replaced:
            layer.take_weights(replaced[layer.name])
        elif layer.name in folded:
            layer.set_weights(folded[layer.name][1])
        elif layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
            finalize_normalizations(layer)
    return copy


@keras.saving.register_keras_serializable(package="keras_action")
class AddToChannels(keras.layers.Layer):
    """Adds a constant to each channel of frames `(N, H, W, C)`, in rows of W·C values.

    With C constants, the delegate would call its kernel for each pixel, to add three numbers.

    Args:
        values: List of C floats.
    """

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = [float(value) for value in values]

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        row = ops.convert_to_tensor(np.tile(self.values, width), dtype=inputs.dtype)
        x = ops.reshape(inputs, (-1, height, width * channels)) + row
        return ops.reshape(x, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "values": self.values}


def _fold_normalisation(model):
    """New layers for [ReverseChannels,] Rescaling, …, Conv2D: a dict from names to (layer, weights).

    Identity: (s x + o) ∗ K = (x + o / s) ∗ (s K). The sum stays before the convolution, so that its zero padding is
    still the mean colour.
    """
    graph = Graph(model)
    folded = {}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Rescaling) or len(layer.output.shape) != 4:
            continue
        convolution = _only_convolution(graph, layer.name)
        if convolution is None:
            continue
        kernel, *bias = convolution.get_weights()
        channels = kernel.shape[2]
        scale, offset = (np.broadcast_to(np.asarray(x, "float64"), channels) for x in (layer.scale, layer.offset))
        if not scale.all():
            continue
        values, kernel = offset / scale, kernel * scale[:, None]
        source = graph.operations[graph.sources[layer.name][0]]
        if isinstance(source, ReverseChannels) and graph.takers[source.name] == [layer.name]:
            values, kernel = values[::-1], kernel[:, :, ::-1]
            folded[source.name] = keras.layers.Identity(name=source.name, dtype=source.dtype_policy), []
        folded[layer.name] = AddToChannels(values, name=layer.name, dtype=layer.dtype_policy), []
        folded[convolution.name] = copy_layer(convolution), [kernel, *bias]
    return folded


def _only_convolution(graph, name):
    """The convolution that is the only reader of an operation's output, padded or not; or `None`."""
    while len(graph.takers[name]) == 1:
        (name,) = graph.takers[name]
        operation = graph.operations[name]
        if type(operation) is keras.layers.Conv2D and operation.groups == 1:
            return operation
        if not isinstance(operation, keras.layers.ZeroPadding2D):
            break
    return None

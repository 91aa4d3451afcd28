"""A copy of a model for frames of another size."""

import operator

import keras
import numpy as np

from keras_action.models.graph import Graph
from keras_action.models.insertion import apply_model, as_functional, copy_weights


def resize_model(model, input_size):
    """A copy of a convolutional model that takes frames of another size, with the same weights.

    The copy is the model that would be built at that size: Keras Applications pad maps of even and of odd size
    differently, and the copy has the padding of its own maps.

    Args:
        model: A functional or sequential Keras model of clips `(B, T, H, W, 3)` or frames `(B, H, W, 3)`.
        input_size: Height and width in pixels: an integer, or `(height, width)`.

    Returns:
        A functional `keras.Model` with the same names, not compiled.

    Raises:
        ValueError: if `model` is not functional or has several inputs; if its weights depend on the size, as those of
            a dense layer on a flattened map; or if the padding for the new size is unknown.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> keras_action.models.resize_model(model, 256).input_shape
    (None, 8, 256, 256, 3)
    """
    model = as_functional(model)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) not in (4, 5):
        shapes = [x.shape for x in model.inputs]
        raise ValueError(f"A model of clips or of frames, with one input, is expected. Received: inputs of {shapes}")
    old = model.inputs[0]
    height, width = check_size(input_size)
    size = (*old.shape[:-3], height, width, old.shape[-1])
    new = keras.Input(batch_shape=size, dtype=old.dtype, name=old._keras_history.operation.name)
    try:
        outputs = apply_model(model, keras.tree.pack_sequence_as(model.input, [new]), changes=_changes(model))
        copy = keras.Model(new, outputs, name=model.name)
        copy_weights(model, copy)
    except ValueError as error:
        raise ValueError(
            f"The model cannot be rebuilt for another size. Received: input_size={input_size}, "
            f"model={model.name!r} of {tuple(old.shape)}: {error}"
        ) from error
    return copy


def check_size(input_size):
    """(height, width) of an integer or a pair."""
    try:
        pair = (input_size, input_size) if np.ndim(input_size) == 0 else input_size
        height, width = map(operator.index, pair)
    except (TypeError, ValueError):
        raise ValueError(
            f"`input_size` must be an integer, or (height, width). Received: input_size={input_size!r}"
        ) from None
    return height, width


def _changes(model):
    """The `changes` of `apply_model`: the configuration that depends on the size of the maps."""
    padding_of = _padding_changes(model)

    def changes(layer, shape):
        if isinstance(layer, keras.Sequential):  # as in ConvNeXt
            layers = [config for config in layer.get_config()["layers"] if config["class_name"] != "InputLayer"]
            layers = [{**config, "build_config": None} for config in layers]  # they are built with the sequential model
            return {"layers": layers, "build_input_shape": shape}
        return padding_of(layer, shape)

    return changes


def _padding_changes(model):
    """As `_changes`, for the padding of Keras Applications, which depends on whether a map's size is even."""
    graph = Graph(model)
    cropped = {
        name
        for layer in model.layers
        if isinstance(layer, keras.layers.Cropping2D)  # NASNet's shift by one pixel, not the padding of a stride
        for name in graph.sources[layer.name]
    }
    pads = [
        layer for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D) and layer.name not in cropped
    ]
    shapes = {layer.name: graph.shapes[graph.sources[layer.name][0]] for layer in pads}
    by_parity = [layer for layer in pads if layer.padding == _padding_for(layer, shapes[layer.name])]
    uneven = any(before != after for layer in by_parity for before, after in layer.padding)

    def changes(layer, shape):
        if layer not in by_parity:
            return {}
        padding = _padding_for(layer, shape)
        if padding == layer.padding or uneven:
            return {"padding": padding}
        if len(by_parity) < len(pads):  # another layer pads both sides of an even map alike, so this one does
            return {}
        raise ValueError(
            "from the padding of maps of odd size that of even maps cannot be told; build the model at the new size "
            f"and set its weights. Received: layer {layer.name!r}"
        )

    return changes


def _padding_for(layer, shape):
    """Keras Applications' padding before a stride of 2: on even maps one pixel less at the start."""
    return tuple(
        (after - (length % 2 == 0), after) for (_, after), length in zip(layer.padding, shape[1:3], strict=True)
    )

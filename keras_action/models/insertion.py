"""Rebuilding a functional graph around named layers: new ones before some, others in place of some."""

import difflib

import keras


def insert_layers(model, layers, name=None):
    """A copy of a functional model with new layers before named ones.

    The copy has its own layers and variables, of the same names and values; the model given stays as it is. A new
    layer sees what the layer that it precedes saw as its first input, and that layer alone sees its output: a
    shortcut beside it stays untouched.

    Args:
        model: A functional Keras model. For the layers of this package it is one over frames, `(B·T, H, W, C)`.
        layers: Dict from the name of a layer of `model` to the new layer that goes before it.
        name: Name of the new model, by default that of the old one.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: where `model` is not functional, uses a layer twice, or has no layer of a name; or where a new
            layer would go before one of several inputs, as `Add` is.

    Example:

    >>> backbone = keras.applications.MobileNetV2(include_top=False, weights=None)
    >>> layer = keras_action.layers.Action(num_segments=8, name="block_2_expand_action")
    >>> model = keras_action.insert_layers(backbone, {"block_2_expand": layer})
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ValueError(f"insert_layers expects a functional Keras model. Received: model={model}")
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), model.input
    )
    outputs = apply_model(model, inputs, before=layers)
    copy = keras.Model(inputs, outputs, name=name or model.name)
    copy_weights(model, copy)
    return copy


def apply_model(model, inputs, before=None, replace=None):
    """Applies new copies of a functional model's layers to `inputs`, flat: no model inside a model.

    Args:
        model: A functional Keras model.
        inputs: Keras tensors with the structure of `model.input`.
        before: Dict from a layer's name to a new layer applied to that layer's first input.
        replace: Function from a layer to its copy; by default the layer from its own configuration.

    Returns:
        Keras tensors with the structure of `model.output`.
    """
    before = dict(before or {})
    _check_names(model, before)
    sources = [x._keras_history for x in keras.tree.flatten(model.output)]
    new_inputs = zip(model.inputs, keras.tree.flatten(inputs), strict=True)
    made = {old._keras_history.operation.name: [new] for old, new in new_inputs}

    def copy_layer(layer):
        return replace(layer) if replace else layer.__class__.from_config(layer.get_config())

    def call(layer, *args, **kwargs):
        if layer.name in made:
            raise ValueError(f"A layer that is used twice cannot be rebuilt. Received: layer {layer.name!r}")
        if layer.name in before:
            if isinstance(args[0], (list, tuple)):
                raise ValueError(
                    "A new layer goes before a layer of one input; insert it on one of the inputs. "
                    f"Received: layer {layer.name!r} with {len(args[0])} inputs"
                )
            args = (before[layer.name](args[0]), *args[1:])
        outputs = layer(*args, **kwargs)
        made[layer.name] = keras.tree.flatten(outputs)
        return outputs

    # The clone itself is not wanted, as it ends at `inputs`; what it made on the way is.
    keras.models.clone_model(model, input_tensors=inputs, clone_function=copy_layer, call_function=call)
    outputs = [made[source.operation.name][source.tensor_index] for source in sources]
    return keras.tree.pack_sequence_as(model.output, outputs)


def copy_weights(source, target):
    """Gives the layers of `target` the values of the layers of `source` of the same name, where there is one."""
    names = {layer.name for layer in source.layers if layer.weights}
    for layer in target.layers:
        if layer.name in names:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def _check_names(model, names):
    known = [layer.name for layer in model.layers]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=5, cutoff=0.3)
            raise ValueError(
                f"`model` has no layer of this name; close ones are {close}. "
                f"Received: layer name {name!r}, model={model.name!r}"
            )

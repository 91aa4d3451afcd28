"""Rebuilding a functional graph around named layers: new ones before or after some, others in place of some."""

import difflib
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class InsertionPoint:
    """A place in a functional graph: before some layers that take one and the same tensor, or after one layer.

    Attributes:
        before: Names of the layers that alone see the new layer's output.
        after: Name of the layer whose output the new layer takes; all that took it see the new layer's instead.
    """

    before: tuple[str, ...] = ()
    after: str | None = None

    def __post_init__(self):
        if bool(self.before) == (self.after is not None):
            raise ValueError(f"One of `before` and `after` must be given. Received: {self}")

    @property
    def name(self):
        """The layer that the new one is named after: the first of those before which it goes, as a rule."""
        return self.before[0] if self.before else self.after


def insert_layers(model, layers, name=None):
    """A copy of a functional model with new layers before named ones.

    The copy has its own layers and variables, of the same names and values; the model given stays as it is. A new
    layer sees what the layer that it precedes saw as its first input, and that layer alone sees its output: a
    shortcut beside it stays untouched.

    Args:
        model: A functional Keras model. For the layers of this package it is one over frames, `(B·T, H, W, C)`.
        layers: Dict from the name of a layer of `model` to the new layer that goes before it. In place of a name
            there may be an `InsertionPoint`, such as `keras_action.insertion_points` finds: before several layers,
            or after one.
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
    check_functional(model)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name), model.input
    )
    points = {InsertionPoint(before=(key,)) if isinstance(key, str) else key: layers[key] for key in layers}
    outputs = apply_model(model, inputs, points)
    copy = keras.Model(inputs, outputs, name=name or model.name)
    copy_weights(model, copy)
    return copy


def apply_model(model, inputs, layers=None, replace=None):
    """Applies new copies of a functional model's layers to `inputs`, flat: no model inside a model.

    Args:
        model: A functional Keras model.
        inputs: Keras tensors with the structure of `model.input`.
        layers: Dict from `InsertionPoint` to a new layer, or to a list of layers, which are applied in turn.
        replace: Function from a layer or operation to its copy; by default it is made from its own configuration.

    Returns:
        Keras tensors with the structure of `model.output`.
    """
    layers = layers or {}
    check_names(model, [name for point in layers for name in (*point.before, point.after) if name is not None])
    sources = [x._keras_history for x in keras.tree.flatten(model.output)]
    new_inputs = zip(model.inputs, keras.tree.flatten(inputs), strict=True)
    made = {old._keras_history.operation.name: [new] for old, new in new_inputs}
    applied = {}  # point → (what the new layer took, what it gave)

    def copy_layer(layer):
        return replace(layer) if replace else layer.__class__.from_config(layer.get_config())

    def apply_new(point, layer, x):
        if point not in applied:
            output = x
            for new in keras.tree.flatten(layers[point]):
                output = new(output)
            applied[point] = x, output
        source, output = applied[point]
        if source is not x:
            raise ValueError(
                f"A new layer goes before layers that take one and the same tensor. Received: layer {layer.name!r}, "
                f"which takes another than {point.before[0]!r}"
            )
        return output

    def call(layer, *args, **kwargs):
        if layer.name in made:
            raise ValueError(f"A layer that is used twice cannot be rebuilt. Received: layer {layer.name!r}")
        for point in layers:
            if layer.name not in point.before:
                continue
            if isinstance(args[0], (list, tuple)):
                raise ValueError(
                    "A new layer goes before a layer of one input; insert it on one of the inputs. "
                    f"Received: layer {layer.name!r} with {len(args[0])} inputs"
                )
            args = (apply_new(point, layer, args[0]), *args[1:])
        outputs = layer(*args, **kwargs)
        for point in layers:
            if layer.name == point.after:
                outputs = apply_new(point, layer, outputs)
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
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()  # its mean and variance are made from the weights, and setting these does not


def check_functional(model):
    """Raises a `ValueError` where `model` is not a functional Keras model."""
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ValueError(f"A functional Keras model is expected. Received: model={model}")


def check_names(model, names):
    """Raises a `ValueError`, with close names, where `model` has no layer or operation of one of the names."""
    known = [operation.name for operation in model.operations]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=5, cutoff=0.3)
            raise ValueError(
                f"`model` has no layer of this name; close ones are {close}. "
                f"Received: layer name {name!r}, model={model.name!r}"
            )

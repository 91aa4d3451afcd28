"""Rebuilding a functional graph around named layers: new ones before or after some, others in place of some."""

import difflib
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class InsertionPoint:
    """A place in a functional graph: before some layers that take one and the same tensor, or after one layer.

    Attributes:
        before: Names of the layers, or of one, that alone see the new layer's output.
        after: Name of the layer whose output the new layer takes; all that took it see the new layer's instead.
        source: Name of the layer whose output the new layer takes, needed where those of `before` have several
            inputs.
    """

    before: tuple[str, ...] = ()
    after: str | None = None
    source: str | None = None

    def __post_init__(self):
        before = (self.before,) if isinstance(self.before, str) else tuple(self.before)
        object.__setattr__(self, "before", before)
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
            layer would go before one of several inputs, as `Add` has them, and its `InsertionPoint` has no `source`.

    Example:

    >>> backbone = keras.applications.MobileNetV2(include_top=False, weights=None)
    >>> layer = keras_action.layers.Action(num_segments=8, name="block_2_expand_action")
    >>> model = keras_action.insert_layers(backbone, {"block_2_expand": layer})
    """
    model = as_functional(model)
    inputs = keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x._keras_history.operation.name), model.input
    )
    points = {InsertionPoint(before=key) if isinstance(key, str) else key: layers[key] for key in layers}
    outputs = apply_model(model, inputs, points)
    copy = keras.Model(inputs, outputs, name=name or model.name)
    copy_weights(model, copy)
    return copy


def apply_model(model, inputs, layers=None, changes=None):
    """Applies new copies of a functional model's layers to `inputs`, flat: no model inside a model.

    Args:
        model: A functional Keras model.
        inputs: Keras tensors with the structure of `model.input`.
        layers: Dict from `InsertionPoint` to a new layer, or to a list of layers, which are applied in turn.
        changes: Function from a layer or operation, and the shape of what its copy takes first, to a dict of what is
            other in the copy's configuration.

    Returns:
        Keras tensors with the structure of `model.output`.
    """
    layers = {point: keras.tree.flatten(new) for point, new in (layers or {}).items()}
    _check_new_layers(layers)
    names = [name for point in layers for name in (*point.before, point.after, point.source) if name is not None]
    _check_names(model, names)
    sources = [x._keras_history for x in keras.tree.flatten(model.output)]
    new_inputs = zip(model.inputs, keras.tree.flatten(inputs), strict=True)
    made = {old._keras_history.operation.name: [new] for old, new in new_inputs}
    applied = {}  # point → (what the new layers took, what they gave)

    def copy_of(layer, taken):
        shape = next(x.shape for x in keras.tree.flatten(taken) if isinstance(x, keras.KerasTensor))
        return copy_layer(layer, changes(layer, shape) if changes else {})

    def apply_new(point, layer, x):
        if point not in applied:
            output = x
            for new in layers[point]:
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
            if layer.name in point.before:
                old = _input_of(layer, point, args, kwargs, made)
                new = apply_new(point, layer, old)
                swap = {id(old): new}
                args, kwargs = keras.tree.map_structure(lambda x, swap=swap: swap.get(id(x), x), (args, kwargs))
        outputs = copy_of(layer, (args, kwargs))(*args, **kwargs)
        for point in layers:
            if layer.name == point.after:
                outputs = apply_new(point, layer, outputs)
        made[layer.name] = keras.tree.flatten(outputs)
        return outputs

    # The clone itself is not wanted, as it ends at `inputs`; what is made on the way is. Layers are copied where they
    # are called, as only then it is known what they take.
    plain = uncompiled(model)
    keras.models.clone_model(plain, input_tensors=inputs, clone_function=lambda layer: layer, call_function=call)
    for point in layers:
        if point not in applied:
            raise ValueError(
                "A new layer cannot go before or after an input layer: insert it before the layers that take the "
                f"input. Received: {point}"
            )
    outputs = [made[source.operation.name][source.tensor_index] for source in sources]
    return keras.tree.pack_sequence_as(model.output, outputs)


def uncompiled(model):
    """A functional model of the same layers that is not compiled.

    Keras compiles what it clones as the model was, from its configuration, in which a user's own loss is but a name.
    """
    return keras.Model(model.input, model.output, name=model.name)


def copy_layer(layer, changes=None):
    """A new layer or operation of the same configuration, but for `changes`."""
    config = {**layer.get_config(), **(changes or {})}
    if isinstance(layer, keras.layers.Lambda):  # Keras refuses those of a file; this one is in memory
        return layer.__class__.from_config(config, safe_mode=False)
    return layer.__class__.from_config(config)


def _input_of(layer, point, args, kwargs, made):
    """The tensor among the arguments of `layer` in whose place the new layer's output goes."""
    tensors = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
    if point.source is not None:
        taken = [x for x in tensors if any(x is output for output in made[point.source])]
        if not taken:
            raise ValueError(f"Layer {layer.name!r} does not take an output of {point.source!r}. Received: {point}")
        return taken[0]
    if any(x is not tensors[0] for x in tensors):
        raise ValueError(
            "A new layer goes before a layer of one input; insert it on one of the inputs. "
            f"Received: layer {layer.name!r} with {len(tensors)} inputs"
        )
    return tensors[0]


def copy_weights(source, target):
    """Gives the layers of `target` the values of the layers of `source` of the same name, where there is one."""
    names = {layer.name for layer in source.layers if layer.weights}
    for layer in target.layers:
        if layer.name in names:
            layer.set_weights(source.get_layer(layer.name).get_weights())
            finalize_normalizations(layer)


def finalize_normalizations(layer):
    """Their mean and variance are made from the weights, and to set the weights does not do it."""
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()
    for part in getattr(layer, "layers", ()):
        finalize_normalizations(part)


def as_functional(model):
    """The model itself, or a built sequential model as a functional one of the same layers.

    Raises:
        ValueError: where it is neither.
    """
    if isinstance(model, keras.Sequential) and model.built and model.layers:
        return keras.Model(model.inputs, model.outputs, name=model.name)
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ValueError(f"A functional or a built sequential Keras model is expected. Received: {model!r}")
    return model


def _check_new_layers(layers):
    new = [layer for some in layers.values() for layer in some]
    for layer in new:
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(f"New layers must be Keras layers. Received: {layer!r}")
    if len({id(layer) for layer in new}) < len(new):
        raise ValueError("Each new layer must go to one place. Received: the same layer for several places")


def _check_names(model, names):
    """Raises a `ValueError`, with close names, where `model` has no layer or operation of one of the names."""
    known = [operation.name for operation in model.operations]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=5, cutoff=0.3)
            raise ValueError(
                f"`model` has no layer of this name; close ones are {close}. "
                f"Received: layer name {name!r}, model={model.name!r}"
            )

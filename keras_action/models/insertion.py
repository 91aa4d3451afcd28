"""Rebuilds a functional model with new layers before or after named ones, or with changed layers."""

import difflib
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class InsertionPoint:
    """A place in a functional graph: before layers that take the same tensor, or after one layer.

    Attributes:
        before: Name of a layer, or names of several, that take the new layer's output; no other layer does.
        after: Name of a layer; all that took its output take the new layer's instead.
        source: Name of the layer whose output the new layer takes, if the layers of `before` have several inputs.
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
        """The layer that the new one is named after: the first of `before`, else `after`."""
        return self.before[0] if self.before else self.after


def insert_layers(model, layers, name=None):
    """A copy of a functional model with new layers before named ones.

    The copy has its own layers and variables, of the same names and values; `model` is not changed. A new layer takes
    the first input of the layer that it precedes, and only that layer takes its output: a shortcut beside it stays
    untouched.

    Args:
        model: A functional Keras model. For the layers of this package it is one over frames, `(B·T, H, W, C)`.
        layers: Dict from names of layers to the new layers before them. Instead of a name there may be an
            `InsertionPoint`, as `keras_action.insertion_points` returns them: before several layers, or after one.
        name: Name of the new model, by default that of the old one.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: if `model` is not functional, uses a layer twice, or has no layer of a name; or if a new layer is
            to precede a layer of several inputs, such as `Add`, and its `InsertionPoint` has no `source`.

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
    """Applies copies of a functional model's layers to `inputs`, without nesting the model.

    Args:
        model: A functional Keras model.
        inputs: Keras tensors with the structure of `model.input`.
        layers: Dict from `InsertionPoint` to a new layer, or to a list of layers, which are applied in turn.
        changes: Function from a layer or operation, and the shape of its copy's first input, to a dict of changes to
            the copy's configuration.

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
    applied = {}  # point → (input, output) of its new layers

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
                f"The layers of `before` must take the same tensor. Received: layer {layer.name!r}, "
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

    # Only what the calls make is needed, not the clone. Layers are copied when they are called, as copies depend on the
    # shapes of their inputs.
    plain = uncompiled(model)
    keras.models.clone_model(plain, input_tensors=inputs, clone_function=lambda layer: layer, call_function=call)
    for point in layers:
        if point not in applied:
            raise ValueError(
                "A new layer cannot stand before or after an input layer, only before the layers that take the input. "
                f"Received: {point}"
            )
    outputs = [made[source.operation.name][source.tensor_index] for source in sources]
    return keras.tree.pack_sequence_as(model.output, outputs)


def uncompiled(model):
    """A functional model of the same layers that is not compiled.

    Keras compiles a clone by the model's configuration, in which a custom loss is only a name.
    """
    return keras.Model(model.input, model.output, name=model.name)


def copy_layer(layer, changes=None):
    """A new layer or operation of the same configuration with `changes`."""
    config = {**layer.get_config(), **(changes or {})}
    if isinstance(layer, keras.layers.Lambda):  # Keras refuses unsafe ones of files; this one is in memory
        return layer.__class__.from_config(config, safe_mode=False)
    return layer.__class__.from_config(config)


def _input_of(layer, point, args, kwargs, made):
    """The argument of `layer` that the new layer's output replaces."""
    tensors = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
    if point.source is not None:
        taken = [x for x in tensors if any(x is output for output in made[point.source])]
        if not taken:
            raise ValueError(f"Layer {layer.name!r} does not take an output of {point.source!r}. Received: {point}")
        return taken[0]
    if any(x is not tensors[0] for x in tensors):
        raise ValueError(
            "A layer of several inputs needs an `InsertionPoint` with `source`. "
            f"Received: layer {layer.name!r} with {len(tensors)} inputs"
        )
    return tensors[0]


def copy_weights(source, target):
    """Sets the weights of the layers of `target` to those of the layers of `source` of the same names."""
    names = {layer.name for layer in source.layers if layer.weights}
    for layer in target.layers:
        if layer.name in names:
            layer.set_weights(source.get_layer(layer.name).get_weights())
            finalize_normalizations(layer)


def finalize_normalizations(layer):
    """Updates mean and variance of `Normalization` layers after `set_weights`, which does not."""
    if isinstance(layer, keras.layers.Normalization):
        layer.finalize_state()
    for part in getattr(layer, "layers", ()):
        finalize_normalizations(part)


def as_functional(model):
    """The model itself, or a built sequential model as a functional one of the same layers.

    Raises:
        ValueError: if it is neither.
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
        raise ValueError("Each place needs a new layer of its own. Received: the same layer for several places")


def _check_names(model, names):
    """Raises a `ValueError`, with close names, if `model` has no layer or operation of one of the names."""
    known = [operation.name for operation in model.operations]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=5, cutoff=0.3)
            raise ValueError(
                f"`model` has no layer of this name; close ones are {close}. "
                f"Received: layer name {name!r}, model={model.name!r}"
            )

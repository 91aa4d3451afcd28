"""Transfer of weights from another trained model, which may have other classes or be not causal."""

import keras

from keras_action.layers import Action, TemporalMemory, TemporalShift
from keras_action.models.insertion import finalize_normalizations
from keras_action.models.motion_weights import CLASSIFIER, MEMORY, make_causal
from keras_action.training.distribution import is_main_process
from keras_action.training.model_files import TORCH_SUFFIXES, load_model

# Settings in which two layers of the same name must agree, besides their class and the shapes of their weights.
_SETTINGS = (
    "strides",
    "padding",
    "epsilon",
    "scale",
    "offset",
    "paths",
    "shift",
    "mode",
    "shift_divisor",
    "past_channels",
    "units",
)


def open_start(path, num_segments, kind):
    """The model of `start_from`, and its labels or `None`.

    Args:
        path: Path of a training run, of a `.keras` file or of a PyTorch checkpoint.
        num_segments: T, for a PyTorch checkpoint.
        kind: The model's kind, for a PyTorch checkpoint: see `keras_action.load_torch_checkpoint`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a Keras model of clips.
    """
    is_torch = str(path).endswith(TORCH_SUFFIXES)
    opened = load_model(path, **({"num_segments": num_segments, "kind": kind} if is_torch else {}))
    if not isinstance(opened.model, keras.Model):
        raise ValueError(
            f"Training starts from a training run, a .keras file or a PyTorch checkpoint. Received: start_from={path}"
        )
    return opened.model, opened.labels


def misfits(model, start):
    """The reasons why the weights of `start` do not fit `model`: a list of sentences, empty if they fit.

    The classifier, the number of frames, their size, dropout and precision may differ, and `model` may be causal where
    `start` is not, and have a memory where `start` has none.
    """
    ours, theirs = _described(model), _described(start)
    reasons = [f"it has no layer {name!r}" for name in ours if name not in theirs and name != MEMORY]
    reasons += [f"it has an extra layer {name!r}" for name in theirs if name not in ours]
    for name, description in ours.items():
        for what, value in description.items():
            other = theirs.get(name, description)[what]
            if value != other:
                reasons.append(f"its layer {name!r} has {what} {other}, where {value} is needed")
    for layer in model.layers:
        if layer.name in theirs and _is_causal(start.get_layer(layer.name)) and not _is_causal(layer):
            reasons.append(f"its layer {layer.name!r} is causal, where one that is not is needed")
    return reasons


def take_weights(model, start, path, labels=None, start_labels=None):
    """Copies the weights of a model to another one; those of the classifier only if the classes are the same.

    If only `model` has a memory, the memory and the classifier behind it are new. If only `model` is causal, the kernel
    of a learnable shift is converted by `causal_kernel`.

    Args:
        model: A model of `build_action_net`, `build_tsm` or `build_tsn`.
        start: Another one, for which `misfits` is empty.
        path: Its path, for the message.
        labels: Names of the classes of `model`, if known.
        start_labels: Names of the classes of `start`, if known.
    """
    known = {layer.name for layer in start.layers}
    for layer in model.layers:
        if layer.weights and layer.name != CLASSIFIER and layer.name in known:
            old = start.get_layer(layer.name)
            layer.set_weights(old.get_weights())
            finalize_normalizations(layer)
            if not _is_causal(old):
                make_causal(layer)
    count, old_count = model.output_shape[-1], start.output_shape[-1]
    has_new_memory = MEMORY not in known and any(layer.name == MEMORY for layer in model.layers)
    same_labels = None in (labels, start_labels) or tuple(labels) == tuple(start_labels)
    same = count == old_count and same_labels and not has_new_memory
    if same:
        model.get_layer(CLASSIFIER).set_weights(start.get_layer(CLASSIFIER).get_weights())
    if is_main_process():
        new = f"a new classifier for {count} classes, other than the {old_count} in the file"
        if has_new_memory:
            new = f"a new memory, and a new classifier for {count} classes behind it"
        classes = "the same classes" if same else new
        print(f"Starting with the weights of {path}: {classes}.")


def _described(model):
    """Name of a layer → its settings that must agree, for layers with weights, temporal layers, and input scaling."""
    described = {}
    for layer in model.layers:
        kept = layer.weights or isinstance(layer, (Action, TemporalMemory, TemporalShift, keras.layers.Rescaling))
        if kept and layer.name != CLASSIFIER:
            config = layer.get_config()
            described[layer.name] = {
                "class": type(layer).__name__,
                "weights": [tuple(weight.shape) for weight in layer.weights],
                **{name: _plain(config[name]) for name in _SETTINGS if name in config},
            }
    return described


def _plain(value):
    return tuple(value) if isinstance(value, (list, tuple)) else value


def _is_causal(layer):
    return getattr(layer, "causal", False)

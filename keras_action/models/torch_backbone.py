"""Loads the weights of a PyTorch state dict into a Keras model of the same backbone."""

import re

import keras
import numpy as np

from keras_action.weights.state_dicts import listed, read_state_dict

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")  # the order of Keras' own four

# A weight's path inside `Action` → its name in the reference code.
_ACTION_PARTS = {
    "shift/kernel": "shift.weight",
    "ste/kernel": "p1_conv1.weight",
    "ce/squeeze_kernel": "p2_squeeze.weight",
    "ce/temporal_kernel": "p2_conv1.weight",
    "ce/expand_kernel": "p2_expand.weight",
    "me/squeeze_kernel": "p3_squeeze.weight",
    "me/norm/gamma": "p3_bn1.weight",
    "me/norm/beta": "p3_bn1.bias",
    "me/norm/moving_mean": "p3_bn1.running_mean",
    "me/norm/moving_variance": "p3_bn1.running_var",
    "me/spatial_kernel": "p3_conv1.weight",
    "me/expand_kernel": "p3_expand.weight",
}


def load_torch_backbone(model, path_or_state_dict):
    """Sets the weights of a model's backbone to those of a PyTorch model.

    They may be of an image model, or of an ACTION-Net, TSM or TSN with any classes. The classifier is left out.
    The modules of an ACTION-Net are loaded too, and must be where the model has them.

    Args:
        model: A model of `keras_action.build_action_net`, `build_tsm` or `build_tsn` in the variant of the weights.
        path_or_state_dict: As for `keras_action.load_torch_checkpoint`.

    Raises:
        ValueError: for a key that is missing, unused or of another shape, or for a model in another variant.
    """
    state_dict = read_state_dict(path_or_state_dict)
    check_backbone(state_dict)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if any(abs(layer.epsilon - 1e-5) > 1e-9 for layer in norms):
        raise ValueError(
            f"The weights are for a model in variant {state_dict.names.variant!r}, with epsilon 1e-5. "
            f"Received: a model with epsilon {norms[0].epsilon}"
        )
    load_weights(model, state_dict, with_temporal_layers=state_dict.has_action, with_classifier=False)


def check_backbone(state_dict):
    if state_dict.backbone is None:
        raise ValueError(
            "The state dict must be of a MobileNetV2, a ResNet-50, -101 or -152, or a BNInception, with keys such as "
            '"features.0.0.weight", "layer1.0.conv3.weight" or "conv1_7x7_s2.weight", after "base_model." for '
            f"ACTION-Net, TSM and TSN. Received keys: {listed(state_dict.weights)}"
        )


def load_weights(model, state_dict, with_temporal_layers, with_classifier, with_wrapped=True):
    """Sets the weights of all layers or, where anything does not fit, of none.

    Args:
        model: A model of `build_action_net`, `build_tsm` or `build_tsn`.
        state_dict: A `StateDict`.
        with_temporal_layers: Whether the temporal layers are loaded too; else they keep their weights.
        with_classifier: Whether the classifier is loaded too.
        with_wrapped: Whether the temporal layers must be where the keys have them (`.net.`).
    """
    temporal = [layer for layer in model.layers if _is_temporal(layer)] if with_temporal_layers else []
    layers = [layer for layer in model.layers if layer.weights and layer.name != "classifier"]
    layers = [layer for layer in layers if layer in temporal or not _is_temporal(layer)]
    keys = {layer: _keys_of(layer, state_dict.names) for layer in layers}
    unused = dict(state_dict.weights)
    if with_classifier:
        classifier = model.get_layer("classifier")
        keys[classifier] = ["classifier.weight", "classifier.bias"]
        unused.update(zip(keys[classifier], state_dict.classifier, strict=True))

    missing, misfits, arrays = [], [], {}
    for layer in keys:
        arrays[layer] = []
        for key, weight in zip(keys[layer], layer.weights, strict=True):
            value = unused.pop(key, None)
            if value is None:
                missing.append(key)
                continue
            array = _to_keras(value, weight)
            arrays[layer].append(array)
            if array is None:
                misfits.append(f"{key} of shape {value.shape} for a Keras weight of shape {tuple(weight.shape)}")
    if missing or unused or misfits:
        raise ValueError(
            f"The state dict does not fit the model {model.name!r}. Missing keys: {listed(missing)}. "
            f"Unused keys: {listed(unused)}. Keys of another shape: {listed(misfits)}"
        )
    if with_temporal_layers and with_wrapped:
        _check_wrapped(temporal, state_dict)
    for layer, layer_arrays in arrays.items():
        layer.set_weights(layer_arrays)


def _check_wrapped(temporal, state_dict):
    """Raises a `ValueError` if the file has temporal modules at other places, which BNInception's keys do not tell."""
    if state_dict.backbone == "bn_inception":
        return
    expected = {state_dict.names.prefix(_preceded(layer)) for layer in temporal}
    if expected != state_dict.wrapped:
        raise ValueError(
            "The state dict has temporal modules at other places than the model. Only in the file: "
            f"{listed(sorted(state_dict.wrapped - expected))}. Only in the model: "
            f"{listed(sorted(expected - state_dict.wrapped))}"
        )


def _is_temporal(layer):
    return layer.name.endswith(("_action", "_shift"))


def _preceded(layer):
    """The name of the layer that a temporal layer precedes."""
    return re.sub("_(action|shift)$", "", layer.name)


def _keys_of(layer, names):
    """The PyTorch keys of a layer's weights, in the order of `layer.weights`."""
    if _is_temporal(layer):
        prefix = names.action_prefix(_preceded(layer))
        return [f"{prefix}.action_{_ACTION_PARTS[weight.path.split('/', 1)[1]]}" for weight in layer.weights]
    is_norm = isinstance(layer, keras.layers.BatchNormalization)
    parts = _BATCH_NORM if is_norm else ("weight", "bias")[: len(layer.weights)]
    return [f"{names.prefix(layer.name)}.{part}" for part in parts]


def _to_keras(value, weight):
    """A PyTorch array in the layout of a Keras weight, or `None` if it has another shape."""
    target = tuple(weight.shape)
    path = weight.path
    if value.ndim <= 1:
        array = value
    elif "depthwise" in path or "spatial_kernel" in path:
        array = np.moveaxis(value, (0, 1), (-2, -1))  # (C, 1, h, w) → (h, w, C, 1)
    elif path.endswith("shift/kernel"):
        array = value.transpose(2, 1, 0)[..., None]  # (C, 1, 3) → (3, 1, C, 1)
    else:
        array = np.moveaxis(value, (0, 1), (-1, -2))  # (O, I, …) → (…, I, O)
        if array.ndim == 4 and len(target) == 2:  # a 1×1 convolution as a matrix
            array = array.reshape(array.shape[2:]) if array.shape[:2] == (1, 1) else array
    return array if array.shape == target else None

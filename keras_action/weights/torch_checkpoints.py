"""PyTorch state dicts → Keras models: MobileNetV2 as ImageNet backbone, and as ACTION-Net, TSM and TSN.

A state dict here is a dict of NumPy arrays under PyTorch's names and in PyTorch's layouts, or an `.npz` file of one;
PyTorch itself is not needed.
"""

import os
import re
from collections.abc import Mapping

import keras
import numpy as np

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")  # the order of Keras' own four
_ACTION = "action_"


def load_torch_checkpoint(path_or_state_dict, num_segments=8, input_size=224, include_preprocessing=True, kind=None):
    """The Keras model of a PyTorch checkpoint: ACTION-Net, TSM or TSN on MobileNetV2.

    Class count and kind are found in the keys. The model is in torchvision's geometry and gives the original's
    logits. Nothing is loaded half: a key that is missing, unused or of another shape is an error that names it.

    Args:
        path_or_state_dict: Path of an `.npz` file, or a dict, of NumPy arrays under PyTorch's names; `module.` in
            front of every key is allowed.
        num_segments: Integer T, which a checkpoint does not tell.
        input_size: Integer, or (height, width), in pixels.
        include_preprocessing: Whether the model normalises RGB 0..255 by itself.
        kind: `"action"`, `"tsm"` or `"tsn"` where the keys cannot tell; by default they do.

    Returns:
        A functional `keras.Model`: `(B, T, H, W, 3)` → logits `(B, classes)`.

    Raises:
        ValueError: for keys of another backbone, or that do not fit the model.

    Example:

    >>> model = keras_action.load_torch_checkpoint("action_mobilenetv2.npz", num_segments=8)
    """
    from keras_action.models import build_action_net, build_tsm, build_tsn

    state_dict = read_state_dict(path_or_state_dict)
    if "base_model.features.0.0.weight" not in state_dict or "new_fc.weight" not in state_dict:
        raise ValueError(
            "The state dict must be that of an ACTION-Net, TSM or TSN on MobileNetV2, with keys "
            '"base_model.features.0.0.weight" and "new_fc.weight"; no other backbone can be loaded yet. '
            f"Received keys: {_some(state_dict)}"
        )
    builders = {"action": build_action_net, "tsm": build_tsm, "tsn": build_tsn}
    kind = kind or _find_kind(state_dict)
    if kind not in builders:
        raise ValueError(f"`kind` must be one of {sorted(builders)}, or None. Received: kind={kind!r}")
    model = builders[kind](
        "mobilenet_v2",
        num_classes=state_dict["new_fc.weight"].shape[0],
        num_segments=num_segments,
        input_size=input_size,
        include_preprocessing=include_preprocessing,
        geometry="torchvision",
    )
    backbone = {key.removeprefix("base_model."): value for key, value in state_dict.items()}
    classifier = [backbone.pop("new_fc.weight").T, backbone.pop("new_fc.bias")]
    _load(model, backbone, with_temporal_layers=True)
    model.get_layer("classifier").set_weights(classifier)
    return model


def load_torch_backbone(model, path_or_state_dict):
    """Gives a model's backbone the weights of an ImageNet MobileNetV2 of torchvision's names.

    Args:
        model: A model of `keras_action.build_action_net`, `build_tsm` or `build_tsn` in torchvision's geometry.
        path_or_state_dict: Path of an `.npz` file, or a dict, of NumPy arrays: `features.0.0.weight`, …. An ImageNet
            classifier (`classifier.…`) is left out.

    Raises:
        ValueError: for a key that is missing, unused or of another shape.
    """
    state_dict = read_state_dict(path_or_state_dict)
    state_dict = {key: value for key, value in state_dict.items() if not key.startswith("classifier.")}
    _load(model, state_dict, with_temporal_layers=False)


def read_state_dict(path_or_state_dict):
    """A dict of NumPy arrays, without `module.` in front of the keys and without batch counters."""
    if isinstance(path_or_state_dict, Mapping):
        state_dict = path_or_state_dict
        state_dict = state_dict.get("state_dict", state_dict)
    else:
        path = os.fspath(path_or_state_dict)
        if not path.endswith(".npz"):
            raise ValueError(f"A state dict is read from an .npz file of NumPy arrays. Received: {path!r}")
        with np.load(path, allow_pickle=False) as archive:
            state_dict = {key: archive[key] for key in archive.files}
    return {
        key.removeprefix("module."): np.asarray(value)
        for key, value in state_dict.items()
        if not key.endswith("num_batches_tracked")
    }


def _find_kind(state_dict):
    if any(f".{_ACTION}" in key for key in state_dict):
        return "action"
    return "tsm" if any(key.endswith(".net.weight") for key in state_dict) else "tsn"


def _load(model, state_dict, with_temporal_layers):
    """Sets every backbone layer's weights, all of them or, where anything does not fit, none."""
    # TSM and ACTION wrap the convolution that they precede: `conv.0.weight` is there `conv.0.net.weight`.
    state_dict = {key.replace(".net.weight", ".weight"): value for key, value in state_dict.items()}
    values, missing = {}, []
    for layer in model.layers:
        if not layer.weights or layer.name == "classifier":
            continue
        if _is_temporal(layer) and not with_temporal_layers:
            continue
        keys = _keys_of(layer)
        found = [state_dict.pop(key, None) for key in keys]
        missing += [key for key, value in zip(keys, found, strict=True) if value is None]
        values[layer.name] = (keys, found)
    if missing or state_dict:
        raise ValueError(
            f"The state dict does not fit the model. Missing keys: {_some(missing)}. Unused keys: {_some(state_dict)}"
        )

    arrays = {}
    for name, (keys, found) in values.items():
        weights = model.get_layer(name).weights
        arrays[name] = [_to_keras(value, weight) for value, weight in zip(found, weights, strict=True)]
        for key, value, array, weight in zip(keys, found, arrays[name], weights, strict=True):
            if array is None:
                raise ValueError(
                    f"The state dict does not fit the model: expected an array for a Keras weight of shape "
                    f"{tuple(weight.shape)}. Received: {key} of shape {value.shape}"
                )
    for name, layer_arrays in arrays.items():
        model.get_layer(name).set_weights(layer_arrays)


def _is_temporal(layer):
    return layer.name.endswith(("_action", "_shift"))


def _keys_of(layer):
    """The PyTorch keys of a layer's weights, in the order of `layer.weights`."""
    name = re.sub("_(action|shift)$", "", layer.name)
    prefix = _torch_prefix(name)
    if not _is_temporal(layer):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        return [f"{prefix}.{part}" for part in (_BATCH_NORM if is_norm else ("weight",))]
    return [f"{prefix}.{_ACTION}{_ACTION_PARTS[weight.path.split('/', 1)[1]]}" for weight in layer.weights]


# A weight's path inside the Keras layer → its name in the released code.
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


def _torch_prefix(name):
    """`block_2_expand` → `features.3.conv.0`: torchvision counts the stem and the first block as 0 and 1."""
    if name in ("Conv1", "bn_Conv1"):
        return f"features.0.{int(name == 'bn_Conv1')}"
    if name in ("Conv_1", "Conv_1_bn"):
        return f"features.18.{int(name == 'Conv_1_bn')}"
    if name.startswith("expanded_conv_"):  # the first block has no expansion
        block, part = 1, name.removeprefix("expanded_conv_")
        position = {"depthwise": 0, "depthwise_BN": 1, "project": 3, "project_BN": 4}[part]
    else:
        block, part = re.fullmatch(r"block_(\d+)_(\w+)", name).groups()
        block = int(block) + 1
        parts = {
            "expand": 0,
            "expand_BN": 1,
            "depthwise": 3,
            "depthwise_BN": 4,
            "project": 6,
            "project_BN": 7,
        }
        position = parts[part]
    return f"features.{block}.conv.{position}"


def _to_keras(value, weight):
    """A PyTorch array in the layout of a Keras weight, or None where it has another size."""
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


def _some(keys, most=8):
    """The first keys, and how many more there are."""
    keys = list(keys)
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return f"{keys[:most]}{more}"

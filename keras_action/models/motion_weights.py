"""Motion weights: models that learned to tell motions apart on synthetic videos."""

import keras

from keras_action.layers import Action
from keras_action.layers.temporal_shift import causal_kernel
from keras_action.weights.motion_files import BACKBONE, VARIANT, motion_path, read_motion_file, write_motion_file

POOL = "pool"  # the first layer after the backbone
CLASSIFIER = "classifier"
MEMORY = "memory"
_FITS = {
    "action_net": "MobileNetV2 of width 1.0 with all three paths and the learnable shift in each block",
    "tsm": "MobileNetV2 of width 1.0 with TSM's fixed shift in each block",
}


def check_motion_arguments(kind, backbone, variant=None, past_channels="second"):
    """Raises a `ValueError` if there are no motion weights for a model.

    Args:
        kind: `"action_net"`, `"tsm"` or `"tsn"`.
        backbone: Name of the backbone.
        variant: Its variant, or `None`.
        past_channels: As in `keras_action.build_tsm`.
    """
    received = f'Received: weights="motion", backbone={backbone!r}, variant={variant!r}'
    if kind not in _FITS:
        raise ValueError(f'weights="motion" is for ACTION-Net and TSM: a TSN sees no motion. {received}')
    if backbone != BACKBONE:
        raise ValueError(
            f'weights="motion" is for backbone {BACKBONE!r}. For another one make weights with `keras-action pretrain` '
            f'and start from that run, or use weights="imagenet". {received}'
        )
    if variant not in (None, VARIANT):
        raise ValueError(f"The motion weights are for variant {VARIANT!r}. {received}")
    if past_channels != "second":
        raise ValueError(
            f"The motion weights are of a model in which the second channels take the frame before. {received}, "
            f"past_channels={past_channels!r}"
        )
    if not motion_path(kind).is_file():
        raise FileNotFoundError(
            f"This version has no motion weights for {kind!r}: make them with `keras-action pretrain`. {received}"
        )


def load_motion_weights(model, path):
    """Sets all weights of a model but those of the classifier to motion weights.

    The number of frames and their size may be any. A memory stays new if the file has none. Weights with a memory are
    causal. Of others, the kernels of the learnable shift are converted by `causal_kernel` if the model is causal.

    Args:
        model: A model of `keras_action.build_action_net` or `build_tsm`.
        path: Path of the file; see `save_motion_weights`.

    Raises:
        ValueError: If a layer is missing, or has weights of other shapes.
    """
    stored = read_motion_file(path)
    new = {CLASSIFIER} if MEMORY in stored else {CLASSIFIER, MEMORY}
    layers = {layer.name: layer for layer in model.layers if layer.weights and layer.name not in new}
    different = sorted(set(layers) ^ set(stored)) or [
        name
        for name, arrays in stored.items()
        if [array.shape for array in arrays] != [tuple(weight.shape) for weight in layers[name].weights]
    ]
    if different:
        kind = "action_net" if any("_action" in name for name in stored) else "tsm"
        raise ValueError(
            f"The motion weights are for a {_FITS[kind]}. Received: a model that differs in "
            f"{len(different)} layers, such as {different[0]!r}"
        )
    for name, arrays in stored.items():
        layers[name].set_weights(arrays)
        if MEMORY not in stored:
            make_causal(layers[name])


def save_motion_weights(model, path):
    """Writes all weights of a model but those of the classifier in float16.

    Args:
        model: A model of `keras_action.build_action_net` or `build_tsm`.
        path: Path of the `.npz` file.

    Returns:
        The path.
    """
    layers = {layer.name: layer.get_weights() for layer in model.layers if layer.weights and layer.name != CLASSIFIER}
    return write_motion_file(path, layers)


def make_causal(layer):
    """Converts the shift kernel of a causal layer with the weights of one that is not, in place; no other layer."""
    shift = layer.temporal_shift if isinstance(layer, Action) else layer
    if getattr(layer, "causal", False) and getattr(shift, "mode", None) == "learnable":
        shift.kernel.assign(causal_kernel(keras.ops.convert_to_numpy(shift.kernel)))

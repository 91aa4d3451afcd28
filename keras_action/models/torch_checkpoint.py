"""The Keras model of a PyTorch checkpoint: ACTION-Net, TSM or TSN, or an image model that they start from."""

from keras_action.models.builder import build_action_net, build_tsm, build_tsn
from keras_action.models.torch_backbone import check_backbone, listed, load_weights
from keras_action.weights.state_dicts import read_state_dict


def load_torch_checkpoint(path_or_state_dict, num_segments=8, input_size=224, include_preprocessing=True, kind=None):
    """The Keras model of a PyTorch checkpoint: ACTION-Net, TSM or TSN on MobileNetV2, a ResNet or BNInception.

    Backbone, kind and class count are found in the keys and shapes. The model is in the variant of the weights and
    gives the original's logits. Nothing is loaded half: a key that is missing, unused or of another shape is an error
    that names it. An image model (torchvision's ResNet-50, -101, -152 and MobileNetV2, tonylins' MobileNetV2, the
    ImageNet BNInception) becomes a TSN, the mean of its logits over the frames; as the beginning of a training it is
    for `keras_action.build_action_net(…, weights=path)`.

    Files are read with PyTorch where it is installed, and by a reader of our own where not; neither runs code that
    a file may hold.

    Args:
        path_or_state_dict: Path of a PyTorch file (`.pth`, `.pth.tar`, …) or of an `.npz` file of arrays under
            PyTorch's names; or a dict of such arrays. `{"state_dict": …}` around them and `module.` in front of
            every key are allowed.
        num_segments: Integer T, which a checkpoint does not tell.
        input_size: Integer, or (height, width), in pixels.
        include_preprocessing: Whether the model normalises RGB 0..255 by itself.
        kind: `"action"`, `"tsm"` or `"tsn"` where the keys cannot tell, which is so for a BNInception without ACTION
            modules; else what they tell. TSM on BNInception shifts at the ten blocks 3a … 5b, where ACTION-Net has
            its modules.

    Returns:
        A functional `keras.Model`: `(B, T, H, W, 3)` → logits `(B, classes)`.

    Raises:
        ValueError: for a file that holds no state dict, keys of another backbone, or keys that do not fit the model.
        FileNotFoundError: where the path names no file.

    Example:

    >>> model = keras_action.load_torch_checkpoint("action_resnet50_jester.pth.tar", num_segments=8)

    Reference: the releases of ACTION-Net (https://github.com/V-Sense/ACTION-Net) and TSM
    (https://github.com/mit-han-lab/temporal-shift-module).
    """
    state_dict = read_state_dict(path_or_state_dict)
    check_backbone(state_dict)
    if state_dict.classifier is None:
        raise ValueError(
            "The state dict has no classifier (`new_fc.weight` and `new_fc.bias`, or `fc`, `last_linear`, "
            f"`classifier`). Received keys: {listed(state_dict.weights)}"
        )
    builders = {"action": build_action_net, "tsm": build_tsm, "tsn": build_tsn}
    if kind is not None and kind not in tuple(builders):
        raise ValueError(f"`kind` must be one of {sorted(builders)}, or None. Received: kind={kind!r}")
    model = builders[kind or _find_kind(state_dict)](
        state_dict.backbone,
        num_classes=len(state_dict.classifier[0]),
        num_segments=num_segments,
        input_size=input_size,
        include_preprocessing=include_preprocessing,
        variant=state_dict.names.variant,
    )
    load_weights(model, state_dict, with_temporal_layers=True, with_classifier=True)
    return model


def _find_kind(state_dict):
    if state_dict.has_action:
        return "action"
    if state_dict.backbone == "bn_inception" and state_dict.is_video:
        raise ValueError(
            "The keys of a BNInception do not tell a TSM from a TSN, as the shift has no weights: say which it is. "
            "Received: kind=None"
        )
    return "tsm" if state_dict.wrapped else "tsn"

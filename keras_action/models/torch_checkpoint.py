"""The Keras model of a PyTorch checkpoint: ACTION-Net, TSM or TSN."""

from keras_action.models.builder import build_action_net, build_tsm, build_tsn
from keras_action.models.torch_backbone import check_backbone, load_weights
from keras_action.weights.state_dicts import listed, read_state_dict

CHECKPOINT_KINDS = ("action_net", "tsm", "tsn", "tsm_online")


def load_torch_checkpoint(path_or_state_dict, num_segments=8, input_size=224, include_preprocessing=True, kind=None):
    """The Keras model of a PyTorch checkpoint: ACTION-Net, TSM or TSN on MobileNetV2, a ResNet or BNInception.

    Backbone, kind and class count are found in the keys and shapes. The model is in the variant of the weights and
    gives the original's logits. All weights are loaded or none: a key that is missing, unused or of another shape is
    an error. An image model of the 1,000 classes of ImageNet becomes a TSN, the mean of its logits over the frames; to
    start a training from it, pass it to `keras_action.build_action_net(…, weights=path)`.

    Files are read with PyTorch where it is installed, and else by a reader of this package; neither runs code from a
    file.

    Args:
        path_or_state_dict: Path of a PyTorch file (`.pth`, `.pth.tar`, …) or of an `.npz` file of arrays under
            PyTorch's names; or a dict of such arrays. `{"state_dict": …}` around them and `module.`, `model.` or
            `_orig_mod.` before the keys are allowed. The keys are those of the releases of ACTION-Net, TSM and TSN, of
            MMAction2 (ResNet and MobileNetV2), or of an image model.
        num_segments: Integer T, which a checkpoint does not tell.
        input_size: Integer, or (height, width), in pixels.
        include_preprocessing: Whether the model normalises RGB 0..255 by itself.
        kind: `"action_net"`, `"tsm"`, `"tsn"` or `"tsm_online"`; `None` where the keys tell. They do not for a
            BNInception without ACTION modules, nor for the keys of an image model with other than 1,000 classes:
            `"tsm_online"` has the same, as TSM's checkpoint `mobilenetv2_jester_online.pth.tar`. It becomes a causal
            TSM whose first C // 8 channels take the frame before, so that `keras_action.streaming_model` can take its
            frames one by one. TSM on BNInception shifts at the ten blocks 3a … 5b, where ACTION-Net has its modules.

    Returns:
        A functional `keras.Model`: `(B, T, H, W, 3)` → logits `(B, classes)`.

    Raises:
        ValueError: for a file that holds no state dict, keys of another backbone, keys that do not fit the model, or
            keys that do not tell the kind.
        FileNotFoundError: where the path names no file.

    Example:

    >>> model = keras_action.load_torch_checkpoint("action_resnet50_jester.pth.tar", num_segments=8)

    Reference: the releases of ACTION-Net (https://github.com/V-Sense/ACTION-Net) and TSM
    (https://github.com/mit-han-lab/temporal-shift-module).
    """
    if kind is not None and kind not in CHECKPOINT_KINDS:
        raise ValueError(f"`kind` must be None or one of {CHECKPOINT_KINDS}. Received: kind={kind!r}")
    state_dict = read_state_dict(path_or_state_dict)
    check_backbone(state_dict)
    if state_dict.classifier is None:
        raise ValueError(
            "The state dict has no classifier (`new_fc.weight` and `new_fc.bias`, or `fc`, `last_linear`, "
            f"`classifier`, `cls_head.fc_cls`). Received keys: {listed(state_dict.weights)}"
        )
    kind = kind or _find_kind(state_dict)
    build = {"action_net": build_action_net, "tsn": build_tsn}.get(kind, build_tsm)
    options = {"causal": True, "past_channels": "first"} if kind == "tsm_online" else {}
    model = build(
        state_dict.backbone,
        num_classes=len(state_dict.classifier[0]),
        num_segments=num_segments,
        input_size=input_size,
        include_preprocessing=include_preprocessing,
        variant=state_dict.names.variant,
        **options,
    )
    load_weights(
        model,
        state_dict,
        with_temporal_layers=True,
        with_classifier=True,
        with_wrapped=kind != "tsm_online" or bool(state_dict.wrapped),
    )
    return model


def _find_kind(state_dict):
    if state_dict.has_action:
        return "action_net"
    if state_dict.backbone == "bn_inception" and state_dict.is_video:
        raise ValueError(
            "The keys of a BNInception do not tell TSM from TSN, as the shift has no weights: pass "
            '`kind="tsm"` or `kind="tsn"`. Received: kind=None'
        )
    if state_dict.wrapped:
        return "tsm"
    classes = len(state_dict.classifier[0])
    if not state_dict.is_video and classes != 1000:
        raise ValueError(
            "The keys of an image model with other than ImageNet's 1,000 classes do not tell TSN from TSM's online "
            f'model: pass `kind="tsn"` or `kind="tsm_online"`. Received: kind=None, {classes} classes'
        )
    return "tsn"

"""The names of the backbones' weights in PyTorch's releases."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TorchNames:
    """The names of one family of PyTorch models.

    Attributes:
        backbone: Function from the keys of a state dict to the backbone's name, or `None` if it is of another family.
        variant: The variant of its weights.
        prefix: Function from the name of a Keras layer to the part of its keys before `.weight`; the name itself for a
            layer of another network.
        action_prefix: Function from the name of the Keras layer that a module precedes to the part of the module's keys
            before `.action_…`.
    """

    backbone: Callable[[set[str]], str | None]
    variant: str
    prefix: Callable[[str], str]
    action_prefix: Callable[[str], str]


# === MobileNetV2: the names of tonylins' release, which ACTION-Net and TSM use ===


def _is_mobilenet_v2(keys):
    return "mobilenet_v2" if "features.0.0.weight" in keys and "features.17.conv.0.weight" in keys else None


def _mobilenet_v2_prefix(name):
    """`block_2_expand` → `features.3.conv.0`: PyTorch counts the stem as 0 and the first block as 1."""
    if name in ("Conv1", "bn_Conv1"):
        return f"features.0.{int(name == 'bn_Conv1')}"
    if name in ("Conv_1", "Conv_1_bn"):
        return f"features.18.{int(name == 'Conv_1_bn')}"
    if name.startswith("expanded_conv_"):  # the first block has no expansion
        block, part = 1, name.removeprefix("expanded_conv_")
        parts = ("depthwise", "depthwise_BN", None, "project", "project_BN")
    else:
        match = re.fullmatch(r"block_(\d+)_(\w+)", name)
        if not match:
            return name
        block, part = int(match[1]) + 1, match[2]
        parts = ("expand", "expand_BN", None, "depthwise", "depthwise_BN", None, "project", "project_BN")
    return f"features.{block}.conv.{parts.index(part)}" if part in parts else name


def tonylins_name(key):
    """A key of torchvision's MobileNetV2, which nests convolution and batch norm, in tonylins' flat form."""
    match = re.fullmatch(r"features\.(\d+)\.conv\.(\d)\.(\d)\.(\w+)", key)
    if match:
        block, group, part, weight = match.groups()
        return f"features.{block}.conv.{3 * int(group) + int(part)}.{weight}"
    match = re.fullmatch(r"features\.(\d+)\.conv\.(\d)\.(\w+)", key)
    if match:
        block, part, weight = match.groups()
        groups = 1 if block == "1" else 2  # of convolution, batch norm and ReLU6, before the projection
        return f"features.{block}.conv.{2 * groups + int(part)}.{weight}"
    return key


# === MMAction2: a module of convolution, `conv`, and batch normalisation, `bn`, under one name ===

# The first block of each stage of MobileNetV2, counted as tonylins does.
_FIRST_BLOCKS = (1, 2, 4, 7, 11, 14, 17)


def mmaction_name(key):
    """A key of MMAction2's TSN or TSM under torchvision's name (ResNet) or tonylins' (MobileNetV2).

    `backbone.layer1.0.conv2.bn.bias` → `layer1.0.bn2.bias`;
    `backbone.layer2.1.conv.0.net.conv.weight` → `features.3.conv.0.net.weight`.
    """
    key = key.removeprefix("backbone.")
    match = re.fullmatch(r"layer(\d)\.(\d+)\.conv\.(\d)\.(net\.)?(conv|bn)\.(\w+)", key)
    if match:
        stage, block, part, net, kind, weight = match.groups()
        place = 3 * int(part) + (kind == "bn")
        wrapper = "net." if net and kind == "conv" else ""
        return f"features.{_FIRST_BLOCKS[int(stage) - 1] + int(block)}.conv.{place}.{wrapper}{weight}"
    key = re.sub(r"downsample\.(conv|bn)\.", lambda match: f"downsample.{int(match[1] == 'bn')}.", key)
    return re.sub(r"conv(\d)\.(conv|bn)\.", r"\2\1.", key)


def mmaction_names(keys):
    """Dict from the keys of MMAction2's TSN or TSM to the names of other releases."""
    names = {key: mmaction_name(key) for key in keys}
    if "backbone.conv2.conv.weight" in names:  # MobileNetV2; of ResNet only the blocks have a conv2
        stem = {"conv1": "features.0.0", "bn1": "features.0.1", "conv2": "features.18.0", "bn2": "features.18.1"}
        for key, name in names.items():
            part, _, weight = name.partition(".")
            names[key] = f"{stem[part]}.{weight}" if part in stem else name
    return names


# === ResNet: torchvision's names ===


def _is_resnet(keys):
    if not {"conv1.weight", "layer1.0.conv3.weight"} <= keys:
        return None
    blocks = {match[1] for key in keys if (match := re.match(r"layer3\.(\d+)\.", key))}
    return {6: "resnet50", 23: "resnet101", 36: "resnet152"}.get(len(blocks))


def _resnet_prefix(name):
    """`conv2_block1_3_bn` → `layer1.0.bn3`; number 0 is the shortcut."""
    if name in ("conv1_conv", "conv1_bn"):
        return "conv1" if name == "conv1_conv" else "bn1"
    match = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not match:
        return name
    stage, block, number, kind = match.groups()
    part = f"{kind}{number}" if number != "0" else f"downsample.{int(kind == 'bn')}"
    return f"layer{int(stage) - 1}.{int(block) - 1}.{part}"


# === BNInception: Caffe's names, which ours are ===

_PREVIOUS_BLOCK = dict(
    zip(
        ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b"),
        ("2", "3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a"),
        strict=True,
    )
)


def _is_bn_inception(keys):
    return "bn_inception" if "conv1_7x7_s2.weight" in keys else None


def _bn_inception_action_prefix(name):
    """`inception_3b_1x1` → `shift_3a`: the reference code names a module after the block before it."""
    match = re.match("inception_(..)_", name)
    return f"shift_{_PREVIOUS_BLOCK[match[1]]}" if match else name


def bn_inception_wrapped(action_prefix):
    """`shift_3a` → the names of the convolutions one of which that module wraps."""
    previous = action_prefix.removeprefix("shift_")
    block = next((block for block, before in _PREVIOUS_BLOCK.items() if before == previous), None)
    return (f"inception_{block}_1x1", f"inception_{block}_3x3_reduce")


FAMILIES = (
    TorchNames(_is_mobilenet_v2, "torchvision", _mobilenet_v2_prefix, _mobilenet_v2_prefix),
    TorchNames(_is_resnet, "torchvision", _resnet_prefix, _resnet_prefix),
    TorchNames(_is_bn_inception, "caffe", str, _bn_inception_action_prefix),
)


def find_family(keys):
    """The `TorchNames` of the keys, and the backbone's name; `(None, None)` for unknown keys."""
    keys = set(keys)
    for family in FAMILIES:
        backbone = family.backbone(keys)
        if backbone:
            return family, backbone
    return None, None

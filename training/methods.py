"""The methods that the paper compares, by the names of its tables."""

import keras_action

# Name → fields of its recipe. "shift" is TSM with the learnable shift of ACTION-Net, which precedes each path.
METHODS = {
    "TSN": {"model": "tsn"},
    "TSM": {"model": "tsm"},
    "shift": {"model": "tsm", "shift": "learnable"},
    "STE": {"model": "action_net", "paths": ("ste",)},
    "CE": {"model": "action_net", "paths": ("ce",)},
    "ME": {"model": "action_net", "paths": ("me",)},
    "ACTION": {"model": "action_net", "paths": ("ste", "ce", "me")},
}


def build_method(backbone, method, **options):
    """The model of one of `METHODS`, in the paper's variant where the backbone has it."""
    from keras_action.models.backbones import get_backbone

    fields = dict(METHODS[method])
    builder = getattr(keras_action, f"build_{fields.pop('model')}")
    if "torchvision" in get_backbone(backbone).variants:
        options["variant"] = "torchvision"
    return builder(backbone, **options, **fields)

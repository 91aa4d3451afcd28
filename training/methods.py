"""The methods that the paper compares, by the names of its tables, and how each model is built."""

# Name → (builder, its arguments). "shift" is TSM with the learnable shift of ACTION-Net, which precedes each path.
METHODS = {
    "TSN": ("build_tsn", {}),
    "TSM": ("build_tsm", {}),
    "shift": ("build_tsm", {"shift": "learnable"}),
    "STE": ("build_action_net", {"paths": ("ste",)}),
    "CE": ("build_action_net", {"paths": ("ce",)}),
    "ME": ("build_action_net", {"paths": ("me",)}),
    "ACTION": ("build_action_net", {}),
}


def build_method(backbone, method, **options):
    """The model of one of `METHODS`, in the paper's variant where the backbone has it."""
    import keras_action
    from keras_action.models.backbones import get_backbone

    builder, arguments = METHODS[method]
    if "torchvision" in get_backbone(backbone).variants:
        options["variant"] = "torchvision"
    return getattr(keras_action, builder)(backbone, **options, **arguments)

"""The masks of the paths of an ACTION module."""

import keras
from keras import ops

from keras_action.explain.cam import check_clips
from keras_action.layers import Action
from keras_action.models.graph import Graph


def excitation_masks(model, clips, layer=None):
    """The masks of the paths of an ACTION module.

    Args:
        model: A model of `keras_action.build_action_net`, or another functional one with `keras_action.layers.Action`.
        clips: `(B, T, H, W, 3)`, as the model takes them: RGB 0..255.
        layer: The module's name, such as `"block_9_expand_action"`; or an integer s, for the last module with maps s
            times smaller than the frames; or `None`, for the last one.

    Returns:
        Dict of float32 arrays in 0..1 for the paths of the module: `"ste"`, `(B, T, h, w)`, a map of each frame;
        `"ce"` and `"me"`, `(B, T, C)`, a value for each channel. The module's output is its input, shifted in time,
        times the sum of 1 + mask over the paths.

    Raises:
        ValueError: If the model has no such module, or doesn't take the clips.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> masks = keras_action.excitation_masks(model, np.zeros((1, 8, 224, 224, 3)), layer=8)
    >>> {name: mask.shape for name, mask in masks.items()}
    {'ste': (1, 8, 28, 28), 'ce': (1, 8, 32), 'me': (1, 8, 32)}

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372), equations 3, 6 and 11.
    """
    clips = check_clips(model, clips)
    module = find_action_layer(model, layer)
    (num_clips, num_segments), paths = clips.shape[:2], module.paths
    inputs = keras.Model(model.input, module.input)(clips, training=False)
    shifted = inputs if module.temporal_shift is None else module.temporal_shift(inputs)
    # In mixed precision a layer casts its weights only when it is called, and `excitations` is only a part of it.
    shifted = ops.cast(shifted, module.variable_dtype)
    masks = module.excitations(shifted, training=False)
    masks = {path: ops.convert_to_numpy(masks[path]).astype("float32") for path in paths}
    # The spatio-temporal mask is (B·T, h, w, 1), the others are (B·T, 1, 1, C).
    return {
        path: mask.reshape(num_clips, num_segments, *(mask.shape[1:3] if path == "ste" else mask.shape[3:]))
        for path, mask in masks.items()
    }


def find_action_layer(model, layer=None):
    """The ACTION module for an argument `layer` of `excitation_masks`."""
    modules = [module for module in model.layers if isinstance(module, Action)]
    if not modules:
        raise ValueError(f"The model must have ACTION modules. Received: model={model.name!r}, which has none")
    strides = Graph(model).strides
    found = [module for module in modules if layer in (None, module.name, strides[module.name])]
    if not found:
        known = ", ".join(f"{module.name} ({strides[module.name]:g})" for module in modules)
        raise ValueError(
            f"`layer` must be the name of an ACTION module, or how many times smaller its map is: {known}. "
            f"Received: layer={layer!r}"
        )
    return found[-1]

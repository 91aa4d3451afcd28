"""Builds ACTION-Net, TSM and TSN: one graph, with or without temporal layers."""

import operator
import os

import keras

from keras_action.layers import Action, FoldTime, TemporalMemory, TemporalShift, UnfoldTime
from keras_action.layers.action import PATHS
from keras_action.layers.fold_time import check_num_segments
from keras_action.models.backbones import get_backbone, get_variant, name_by_position
from keras_action.models.blocks import find_blocks, insertion_points
from keras_action.models.insertion import apply_model, copy_weights
from keras_action.models.motion_weights import MEMORY, POOL, check_motion_arguments, load_motion_weights
from keras_action.models.resizing import check_size
from keras_action.weights.motion_files import VARIANT, motion_path


def build_action_net(
    backbone, num_classes, num_segments=8, *, paths=PATHS, shift="learnable", causal=False, name="action_net", **options
):
    """ACTION-Net: a 2D backbone with an ACTION module at the start of its residual branches.

    Args:
        backbone: Name of the backbone, one of `keras_action.BACKBONES`: `"mobilenet_v2"`, `"resnet50"` and
            `"bn_inception"` as in the paper, and the models of Keras Applications with residual or multi-branch blocks.
        num_classes: Integer, the number of classes.
        num_segments: Integer T, the frames of one clip.
        paths: The excitations, one or more of `"ste"`, `"ce"`, `"me"` (the paper's Table 3).
        shift: The temporal shift before them: `"learnable"` as in the reference code, `"fixed"`, or `None` as in the
            paper's text.
        causal: Whether no frame depends on a later one, so that `keras_action.streaming_model` can take the frames
            one by one; see `keras_action.layers.Action`. The weights have the same names and shapes.
        name: Name of the model.
        input_size: Integer, or (height, width), in pixels; 224 by default.
        stages: Integers, or one, the stages whose blocks get a module; stage s gives maps 2^s times smaller than the
            input, as ResNet's conv2 … conv5 (the paper's Table 4). By default all.
        location: Integer, the place of the module in a block: 1, the default and the paper's, at the start of the
            residual branch; 2 and 3 before its second and third convolution; 4 at its end. In BNInception, whose
            blocks have no shortcut, 1 is the start of a block, before all its branches, and 2 its end.
        weights: `None` (random, the default), `"imagenet"`, `"motion"`, or the path of a file with the backbone's
            weights: a `.weights.h5` of Keras Applications without its top, or a PyTorch file as `load_torch_backbone`
            reads it (torchvision's ResNets and MobileNetV2, BNInception). The classifier and the temporal layers start
            fresh; of an ACTION-Net file the temporal layers are loaded too. `"motion"`, for `"mobilenet_v2"`, is in
            this package: backbone and temporal layers of a model that learned synthetic motions, for small sets of
            gestures (docs/motion_weights.md).
        memory: `None` (the default), or an integer, the units of a `keras_action.layers.TemporalMemory` behind the
            pooled features of each frame, for streams: gestures of several strokes are longer than what the temporal
            layers see. It needs `causal=True`, and starts fresh, but for 256 units with `weights="motion"`: there are
            weights of an ACTION-Net that learned streams of synthetic motions.
        return_sequences: Whether to return the logits of each frame instead of their mean, for training on streams,
            where each step has a label of its own.
        dropout: Float, the share of pooled features dropped in training; 0.5 by default.
        include_preprocessing: Whether the model normalises RGB 0..255, as it does by default. If not, it takes frames
            as the backbone's weights expect them. (Keras' EfficientNet always normalises.)
        variant: `"keras"` (Keras Applications) or, for MobileNetV2 and the ResNets, `"torchvision"`, the paper's
            (symmetric padding, epsilon 1e-5, no biases, stride on the 3×3 convolutions, torchvision's normalisation).
            By default that of `weights`. BNInception has only `"caffe"`: BGR minus (104, 117, 128).
        batch_norm_momentum: Float, of every batch normalisation; 0.9 by default, as in the paper. With the 0.999 of
            Keras' MobileNetV2 a short fine-tuning would keep ImageNet's statistics.
        zero_init_residual: Whether the last batch normalisation of each residual branch starts at zero, so that the
            network starts shallow, which makes training from scratch faster
            ([Goyal et al., 2017](https://arxiv.org/abs/1706.02677)). Off by default, as in the paper.
        **options: Other arguments of the backbone's constructor: `alpha=0.35` for a narrower MobileNetV2.

    Returns:
        A functional `keras.Model`: `(B, T, H, W, 3)` → logits `(B, num_classes)`, or `(B, T, num_classes)` with
        `return_sequences`. Inside, every tensor is 4-D, `(B·T, H, W, C)`. The classifier is applied to each frame and
        the mean is taken over the frames, as in TSN.

    Raises:
        ValueError: for an unknown backbone or variant, or for weights that do not fit.
        FileNotFoundError: if `weights` names no file.
        ConnectionError: if ImageNet weights cannot be downloaded.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> model(np.zeros((1, 8, 224, 224, 3))).shape
    (1, 83)

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372).
    """

    def make_layer(layer_name):
        return Action(num_segments, paths=paths, shift=shift, causal=causal, name=f"{layer_name}_action")

    return _build("action_net", backbone, num_classes, num_segments, make_layer, causal=causal, name=name, **options)


def build_tsm(
    backbone,
    num_classes,
    num_segments=8,
    *,
    shift="fixed",
    causal=False,
    past_channels="second",
    name="tsm",
    **options,
):
    """TSM, the baseline that shifts channels along time where ACTION-Net has its modules.

    Args:
        shift: `"fixed"`, as in TSM, or `"learnable"`.
        causal: Whether no frame sees a later one, as in TSM's online models.
        past_channels: Which channels of a causal model take the frame before: `"second"`, as in a clip model, or
            `"first"`, as in TSM's online models; see `keras_action.layers.TemporalShift`.

    All other arguments are as in `keras_action.build_action_net`.

    Example:

    >>> model = keras_action.build_tsm("mobilenet_v2", num_classes=27)

    Reference: TSM, [Lin et al., 2019](https://arxiv.org/abs/1811.08383).
    """

    if options.get("weights") == "motion":
        check_motion_arguments("tsm", backbone, past_channels=past_channels)

    def make_layer(layer_name):
        return TemporalShift(
            num_segments, mode=shift, causal=causal, past_channels=past_channels, name=f"{layer_name}_shift"
        )

    return _build("tsm", backbone, num_classes, num_segments, make_layer, causal=causal, name=name, **options)


def build_tsn(backbone, num_classes, num_segments=8, *, causal=False, name="tsn", **options):
    """TSN, the baseline that looks at each frame alone: it cannot tell a clip from its reverse.

    Args:
        causal: Only `memory` needs it: without one no frame depends on another.

    All other arguments are as in `keras_action.build_action_net`.

    Example:

    >>> model = keras_action.build_tsn("mobilenet_v2", num_classes=27)

    Reference: TSN, [Wang et al., 2016](https://arxiv.org/abs/1608.00859).
    """
    return _build("tsn", backbone, num_classes, num_segments, make_layer=None, causal=causal, name=name, **options)


def _build(
    kind,
    backbone,
    num_classes,
    num_segments,
    make_layer,
    *,
    causal,
    name,
    input_size=224,
    stages=None,
    location=1,
    weights=None,
    memory=None,
    return_sequences=False,
    dropout=0.5,
    include_preprocessing=True,
    variant=None,
    batch_norm_momentum=0.9,
    zero_init_residual=False,
    **backbone_options,
):
    entry = get_backbone(backbone)
    num_segments = check_num_segments(num_segments)
    num_classes = operator.index(num_classes)
    height, width = check_size(input_size)
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Only channels last is supported: keras.config.set_image_data_format('channels_last'). "
            f"Received: {keras.config.image_data_format()!r}"
        )
    if memory is not None and not causal:
        raise ValueError(
            f"`memory` looks back only: it needs `causal=True`. Received: memory={memory}, causal={causal}"
        )
    if "pooling" in backbone_options:
        raise ValueError(
            "`pooling` of the backbone cannot be chosen: its maps are averaged. "
            f"Received: pooling={backbone_options['pooling']!r}"
        )
    if variant is not None:
        get_variant(backbone, variant)
    if zero_init_residual and weights is not None:
        raise ValueError(
            f"`zero_init_residual` is for training from scratch. Received: zero_init_residual=True, weights={weights!r}"
        )
    motion_file = None
    if weights == "motion":
        check_motion_arguments(kind, backbone, variant)
        weights, variant, motion_file = None, VARIANT, motion_path(kind, memory)
    state_dict = _read_torch_weights(weights, backbone, variant)
    variant = get_variant(backbone, state_dict.names.variant if state_dict else variant)
    if entry.normalises_itself:
        backbone_options["include_preprocessing"] = include_preprocessing

    # === Backbone over frames ===
    try:
        frames_model = entry.constructor(
            input_shape=(height, width, 3),
            include_top=False,
            weights=None if state_dict else weights,
            **backbone_options,
        )
    except Exception as error:
        if "URL fetch failure" not in str(error):  # a plain Exception of `keras.utils.get_file`
            raise
        raise ConnectionError(
            f"The ImageNet weights of {backbone!r} cannot be downloaded. Use `weights=None`, or the path of a file. "
            f"Received: weights={weights!r} ({str(error)[:300]})"
        ) from error
    name_by_position(frames_model)
    points = insertion_points(frames_model, stages, location, entry.insert_every)
    layers = {point: [make_layer(point.name)] for point in points if make_layer}
    for point, padding in variant.padding_layers(frames_model).items():
        layers.setdefault(point, []).append(padding)

    def changes(layer, shape):
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        return {**variant.changes(layer), **({"momentum": batch_norm_momentum} if is_norm else {})}

    # === Functional model ===
    clip = keras.Input((num_segments, height, width, 3), name="clip")
    x = FoldTime(name="fold_time")(clip)
    if include_preprocessing and variant.preprocessing:
        x = variant.preprocessing.apply(x)
    x = apply_model(frames_model, x, layers, changes)
    x = keras.layers.GlobalAveragePooling2D(name=POOL)(x)
    if memory is not None:
        x = TemporalMemory(memory, num_segments, name=MEMORY)(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    # The head is in float32 at least, also under mixed precision, as logits are summed and compared.
    precision = keras.backend.result_type(keras.config.dtype_policy().compute_dtype, "float32")
    x = keras.layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
        dtype=precision,
        name="classifier",
    )(x)
    logits = UnfoldTime(num_segments, dtype=precision, name="unfold_time")(x)
    if not return_sequences:
        logits = keras.layers.GlobalAveragePooling1D(dtype=precision, name="logits")(logits)
    model = keras.Model(clip, logits, name=name)

    if state_dict:
        from keras_action.models.torch_backbone import load_torch_backbone

        load_torch_backbone(model, state_dict)
    elif weights is not None:
        copy_weights(frames_model, model)
    elif motion_file is not None:
        load_motion_weights(model, motion_file)
    if zero_init_residual:
        _zero_residual_branches(model, find_blocks(frames_model))
    return model


def _read_torch_weights(weights, backbone, variant):
    """The `StateDict` of a PyTorch file; `None` for weights that Keras loads."""
    keras_file = weights is not None and str(weights).endswith(".h5")
    if (weights == "imagenet" or keras_file) and variant not in (None, next(iter(get_backbone(backbone).variants))):
        raise ValueError(
            f"Weights of Keras are for variant 'keras'; for {variant!r} pass the path of a PyTorch file. "
            f"Received: weights={weights!r}, variant={variant!r}"
        )
    if weights is None or weights == "imagenet":
        return None
    if not isinstance(weights, (str, os.PathLike)) or not os.path.isfile(weights):
        raise FileNotFoundError(
            f'`weights` must be None, "imagenet", "motion" or the path of a file. Received: weights={weights!r}'
        )
    if keras_file:
        return None

    from keras_action.weights import read_state_dict

    state_dict = read_state_dict(weights)
    if state_dict.backbone != backbone:
        raise ValueError(
            f"The file must hold the weights of a {backbone!r}; it holds those of "
            f"{state_dict.backbone or 'an unknown network'!r}. Received: weights={str(weights)!r}"
        )
    if variant not in (None, state_dict.names.variant):
        raise ValueError(
            f"The file's weights are for variant {state_dict.names.variant!r}. "
            f"Received: weights={str(weights)!r}, variant={variant!r}"
        )
    return state_dict


def _zero_residual_branches(model, blocks):
    """Sets gamma to zero in the last batch normalisation of each branch that is added to a shortcut."""
    for block in blocks:
        operation = model.get_layer(block.end)
        while isinstance(operation, keras.layers.Dropout):
            operation = operation.input._keras_history.operation
        if not isinstance(operation, keras.layers.BatchNormalization) or not block.is_sum:
            raise ValueError(
                "`zero_init_residual` needs residual branches that end in a batch normalisation and are added to a "
                f"shortcut. Received: a model whose branch ends in {operation.name!r} ({type(operation).__name__})"
            )
        operation.gamma.assign(keras.ops.zeros(operation.gamma.shape))

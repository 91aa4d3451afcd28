"""BNInception, GoogLeNet with batch normalisation: the backbone of the paper that Keras does not have."""

import keras

# Channels of the branches of one block: 1×1; 3×3 with its reduction; double 3×3 with its reduction; pool projection.
# A block without the first and the last halves the map, and its pool takes the maximum, as that of the last block does.
# All other pools average.
_BLOCKS = {
    "3a": (64, (64, 64), (64, 96), 32),
    "3b": (64, (64, 96), (64, 96), 64),
    "3c": (None, (128, 160), (64, 96), None),
    "4a": (224, (64, 96), (96, 128), 128),
    "4b": (192, (96, 128), (96, 128), 128),
    "4c": (160, (128, 160), (128, 160), 128),
    "4d": (96, (128, 192), (160, 192), 128),
    "4e": (None, (128, 192), (192, 256), None),
    "5a": (352, (192, 320), (160, 224), 128),
    "5b": (352, (192, 320), (192, 224), 128),
}


def BNInception(input_shape=(224, 224, 3), include_top=False, weights=None, name="bn_inception"):
    """BNInception without a classifier, with the layer names of the Caffe and PyTorch models.

    Convolutions pad symmetrically and have biases; batch normalisation has epsilon 1e-5. Frames may have any size of 32
    pixels and more: on maps of odd size, where the PyTorch model fails, pools pad both sides as the convolutions do.

    Args:
        input_shape: Tuple (height, width, 3), of BGR minus (104, 117, 128).
        include_top: Must be `False`.
        weights: `None`, or the path of a `.weights.h5` file of this model.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: `(N, H, W, 3)` → `(N, H / 32, W / 32, 1024)`.

    Raises:
        ValueError: for `include_top`, for `weights="imagenet"`, which are not available for Keras, or a size below 32.

    Example:

    >>> keras_action.models.BNInception((224, 224, 3)).output_shape
    (None, 7, 7, 1024)

    Reference: batch normalisation, [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167).
    """
    if include_top:
        raise ValueError("BNInception is a backbone: `include_top` must be False. Received: include_top=True")
    if weights == "imagenet":
        raise ValueError(
            "Keras hosts no ImageNet weights of BNInception: pass the path of the PyTorch file "
            "(BNInception-9baff57459f5a1744.pth, or pretrainedmodels' bn_inception-52deb4733.pth). "
            "Received: weights='imagenet'"
        )
    height, width, channels = input_shape
    if channels != 3 or None in (height, width) or min(height, width) < 32:
        raise ValueError(
            "BNInception expects an input shape (height, width, 3) of at least 32 pixels. "
            f"Received: input_shape={tuple(input_shape)}"
        )

    x = inputs = keras.Input(input_shape)
    x = _convolution(x, 64, 7, "conv1_7x7_s2", strides=2)
    x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool1_3x3_s2")(x)
    x = _convolution(x, 64, 1, "conv2_3x3_reduce")
    x = _convolution(x, 192, 3, "conv2_3x3")
    x = keras.layers.MaxPooling2D(3, 2, padding="same", name="pool2_3x3_s2")(x)
    for block, channels in _BLOCKS.items():
        x = _block(x, f"inception_{block}", *channels, pools_maximum=block == "5b")
    model = keras.Model(inputs, x, name=name)
    if weights is not None:
        model.load_weights(weights)
    return model


def _block(x, name, single, triple, double, projection, pools_maximum):
    strides = 2 if single is None else 1
    branches = [] if single is None else [_convolution(x, single, 1, f"{name}_1x1")]

    y = _convolution(x, triple[0], 1, f"{name}_3x3_reduce")
    branches.append(_convolution(y, triple[1], 3, f"{name}_3x3", strides))

    y = _convolution(x, double[0], 1, f"{name}_double_3x3_reduce")
    y = _convolution(y, double[1], 3, f"{name}_double_3x3_1")
    branches.append(_convolution(y, double[1], 3, f"{name}_double_3x3_2", strides))

    if strides == 2 or pools_maximum:
        y = keras.layers.MaxPooling2D(3, strides, padding="same", name=f"{name}_pool")(x)
    else:  # the mean includes the zeros of the padding
        y = keras.layers.ZeroPadding2D(1, name=f"{name}_pool_pad")(x)
        y = keras.layers.AveragePooling2D(3, 1, name=f"{name}_pool")(y)
    branches.append(y if projection is None else _convolution(y, projection, 1, f"{name}_pool_proj"))
    return keras.layers.Concatenate(name=f"{name}_output")(branches)


def _convolution(x, filters, size, name, strides=1):
    """Convolution, batch normalisation and ReLU; a strided convolution pads both sides alike, unlike "same"."""
    padding = "same"
    if strides > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
        padding = "valid"
    x = keras.layers.Conv2D(filters, size, strides, padding=padding, name=name)(x)
    x = keras.layers.BatchNormalization(epsilon=1e-5, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)

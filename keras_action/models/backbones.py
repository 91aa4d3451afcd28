"""The registry of backbones: their constructors, and the input that their weights expect."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import applications

from keras_action.layers import ReverseChannels
from keras_action.models.bn_inception import BNInception
from keras_action.models.insertion import InsertionPoint
from keras_action.utils.fields import check_choice


@dataclass(frozen=True)
class Preprocessing:
    """RGB 0..255 → the input that a backbone's weights expect: x · scale + offset for each channel.

    Attributes:
        scale: A number for each channel, in the order of the weights.
        offset: As `scale`.
        bgr: Whether that order is blue, green, red.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bgr: bool = False

    @classmethod
    def from_mean_and_std(cls, mean, std):
        """That of a backbone trained on (x / 255 − mean) / std."""
        return cls(tuple(1 / (255 * s) for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True)))

    def apply(self, x):
        """Keras tensor of RGB 0..255 → Keras tensor, by layers named `bgr` and `preprocessing`."""
        if self.bgr:
            x = ReverseChannels(name="bgr")(x)
        return keras.layers.Rescaling(list(self.scale), list(self.offset), name="preprocessing")(x)


@dataclass(frozen=True)
class Variant:
    """The settings of a graph that differ between releases of its weights.

    Attributes:
        preprocessing: A `Preprocessing`; `None` where the constructor's graph normalises its input.
        epsilon: Of every batch normalisation; `None` for the constructor's.
        symmetric_padding: Whether strided convolutions pad both sides alike, as PyTorch's do; Keras pads an even
            input at its end only.
        is_torchvision_resnet: Whether a strided ResNet block has its stride on the 3×3 convolution ("v1.5") and its
            convolutions have no biases; in Keras Applications' v1 the first 1×1 convolution strides.
    """

    preprocessing: Preprocessing | None
    epsilon: float | None = None
    symmetric_padding: bool = False
    is_torchvision_resnet: bool = False

    def changes(self, layer):
        """Dict of the changes to the configuration of a layer of the constructor's graph."""
        changes = {}
        is_convolution = isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
        if isinstance(layer, keras.layers.BatchNormalization) and self.epsilon is not None:
            changes["epsilon"] = self.epsilon
        if self.is_torchvision_resnet and is_convolution:
            changes["use_bias"] = False
            if match := re.fullmatch(r"conv[345]_block1_([12])_conv", layer.name):
                changes["strides"] = (1, 1) if match[1] == "1" else (2, 2)
        if self.symmetric_padding and self._needs_padding(layer):
            changes["padding"] = "valid"
        if self.symmetric_padding and isinstance(layer, keras.layers.ZeroPadding2D):
            changes["padding"] = tuple((max(sides), max(sides)) for sides in layer.padding)
        return changes

    def padding_layers(self, model):
        """Dict from insertion points to new layers that pad symmetrically before strided convolutions."""
        if not self.symmetric_padding:
            return {}
        return {
            InsertionPoint(before=(layer.name,)): keras.layers.ZeroPadding2D(
                tuple(size // 2 for size in layer.kernel_size), name=f"{layer.name}_pad"
            )
            for layer in model.layers
            if self._needs_padding(layer)
        }

    def _needs_padding(self, layer):
        is_convolution = isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
        if not is_convolution or layer.padding != "same" or max(layer.kernel_size) == 1:
            return False
        moved = self.is_torchvision_resnet and re.fullmatch(r"conv[345]_block1_2_conv", layer.name)
        return bool(moved) or max(layer.strides) > 1


@dataclass(frozen=True)
class Backbone:
    """One backbone.

    Attributes:
        constructor: `constructor(input_shape=…, weights=…, include_top=False, **options)` → a functional model.
        variants: Dict from names to `Variant`, the default first; `"keras"` is that of Keras Applications.
        insert_every: Integer n; every n-th block of a stage gets a temporal layer, beginning with the first.
    """

    constructor: Callable[..., keras.Model]
    variants: dict[str, Variant]
    insert_every: int = 1

    @property
    def normalises_itself(self):
        """Whether the constructor takes `include_preprocessing`."""
        return "include_preprocessing" in inspect.signature(self.constructor).parameters


# Mean and deviation of RGB in 0..1: of torchvision's ImageNet weights, and of Keras' DenseNet.
_TORCHVISION = Preprocessing.from_mean_and_std((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_MINUS_ONE_TO_ONE = Preprocessing((1 / 127.5,) * 3, (-1.0,) * 3)
_CAFFE = Preprocessing(offset=(-103.939, -116.779, -123.68), bgr=True)

_TORCHVISION_RESNET = Variant(_TORCHVISION, epsilon=1e-5, symmetric_padding=True, is_torchvision_resnet=True)
_TORCHVISION_MOBILENET = Variant(_TORCHVISION, epsilon=1e-5, symmetric_padding=True)
_OF_BN_INCEPTION = Variant(Preprocessing(offset=(-104.0, -117.0, -128.0), bgr=True))


def _keras(constructor, preprocessing, torchvision=None, insert_every=1):
    variants = {"keras": Variant(preprocessing)}
    if torchvision:
        variants["torchvision"] = torchvision
    return Backbone(constructor, variants, insert_every)


BACKBONES = {
    "bn_inception": Backbone(BNInception, {"caffe": _OF_BN_INCEPTION}),
    "convnext_base": _keras(applications.ConvNeXtBase, None),
    "convnext_large": _keras(applications.ConvNeXtLarge, None),
    "convnext_small": _keras(applications.ConvNeXtSmall, None),
    "convnext_tiny": _keras(applications.ConvNeXtTiny, None),
    "convnext_xlarge": _keras(applications.ConvNeXtXLarge, None),
    "densenet121": _keras(applications.DenseNet121, _TORCHVISION),
    "densenet169": _keras(applications.DenseNet169, _TORCHVISION),
    "densenet201": _keras(applications.DenseNet201, _TORCHVISION),
    "efficientnet_b0": _keras(applications.EfficientNetB0, None),
    "efficientnet_b1": _keras(applications.EfficientNetB1, None),
    "efficientnet_b2": _keras(applications.EfficientNetB2, None),
    "efficientnet_b3": _keras(applications.EfficientNetB3, None),
    "efficientnet_b4": _keras(applications.EfficientNetB4, None),
    "efficientnet_b5": _keras(applications.EfficientNetB5, None),
    "efficientnet_b6": _keras(applications.EfficientNetB6, None),
    "efficientnet_b7": _keras(applications.EfficientNetB7, None),
    "efficientnet_v2_b0": _keras(applications.EfficientNetV2B0, None),
    "efficientnet_v2_b1": _keras(applications.EfficientNetV2B1, None),
    "efficientnet_v2_b2": _keras(applications.EfficientNetV2B2, None),
    "efficientnet_v2_b3": _keras(applications.EfficientNetV2B3, None),
    "efficientnet_v2_l": _keras(applications.EfficientNetV2L, None),
    "efficientnet_v2_m": _keras(applications.EfficientNetV2M, None),
    "efficientnet_v2_s": _keras(applications.EfficientNetV2S, None),
    "inception_resnet_v2": _keras(applications.InceptionResNetV2, _MINUS_ONE_TO_ONE),
    "inception_v3": _keras(applications.InceptionV3, _MINUS_ONE_TO_ONE),
    "mobilenet_v2": _keras(applications.MobileNetV2, _MINUS_ONE_TO_ONE, _TORCHVISION_MOBILENET),
    "mobilenet_v3_large": _keras(applications.MobileNetV3Large, None),
    "mobilenet_v3_small": _keras(applications.MobileNetV3Small, None),
    "nasnet_large": _keras(applications.NASNetLarge, _MINUS_ONE_TO_ONE),
    "nasnet_mobile": _keras(applications.NASNetMobile, _MINUS_ONE_TO_ONE),
    "resnet50": _keras(applications.ResNet50, _CAFFE, _TORCHVISION_RESNET),
    # Every second block of each stage, as in the reference code where the third has 23 blocks or more.
    "resnet101": _keras(applications.ResNet101, _CAFFE, _TORCHVISION_RESNET, insert_every=2),
    "resnet152": _keras(applications.ResNet152, _CAFFE, _TORCHVISION_RESNET, insert_every=2),
    "resnet50_v2": _keras(applications.ResNet50V2, _MINUS_ONE_TO_ONE),
    "resnet101_v2": _keras(applications.ResNet101V2, _MINUS_ONE_TO_ONE),
    "resnet152_v2": _keras(applications.ResNet152V2, _MINUS_ONE_TO_ONE),
    "xception": _keras(applications.Xception, _MINUS_ONE_TO_ONE),
}


def get_backbone(name):
    """The `Backbone` of a name; a `ValueError` lists the known names."""
    check_choice("backbone", name, sorted(BACKBONES))
    return BACKBONES[name]


def get_variant(backbone, name=None):
    """The `Variant` of a name, by default the backbone's first; a `ValueError` lists the known names."""
    variants = get_backbone(backbone).variants
    if name is None:
        return next(iter(variants.values()))
    if name not in variants:
        raise ValueError(f"`variant` of {backbone!r} must be one of {sorted(variants)}. Received: variant={name!r}")
    return variants[name]


def name_by_position(model):
    """Renames the operations without a name of their own as a fresh process would name them, in place.

    Keras counts over a process: the second Xception has an `add_12` where the first has an `add`. Layer names are API,
    so they must not depend on what was built before.
    """
    counts = {}
    for operation in model.operations:
        base = re.sub(r"_\d+$", "", operation.name)
        if base.replace("_", "") == type(operation).__name__.lower():
            count = counts[base] = counts.get(base, -1) + 1
            operation.name = f"{base}_{count}" if count else base

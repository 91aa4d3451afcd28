"""The registry of backbones: how each is made, what its input is, where the temporal layers go."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

# Per channel, of RGB in 0..1: what torchvision's ImageNet weights were trained with.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """RGB 0..255 → what a backbone's weights expect: x · scale + offset, a value for each channel."""

    scale: tuple[float, float, float]
    offset: tuple[float, float, float]

    @classmethod
    def from_mean_and_std(cls, mean, std):
        """For a backbone trained on (x / 255 − mean) / std."""
        return cls(tuple(1 / (255 * s) for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True)))


@dataclass(frozen=True)
class Geometry:
    """The settings in which one and the same graph differs between releases of its weights.

    Attributes:
        preprocessing: What the weights expect as input.
        epsilon: Of every batch normalisation.
        symmetric_padding: Whether strided convolutions pad both sides alike, as PyTorch's do; Keras pads an even
            input at its end only.
    """

    preprocessing: Preprocessing
    epsilon: float
    symmetric_padding: bool

    def padding_layers(self, backbone):
        """The layers to insert, by the name of the layer they precede, so that the stem pads symmetrically."""
        if not self.symmetric_padding:
            return {}
        return {backbone.stem: keras.layers.ZeroPadding2D(1, name=f"{backbone.stem}_pad")}

    def layer_replacement(self, backbone, batch_norm_momentum):
        """A function from a layer of Keras Applications to its copy in this geometry."""

        def replace(layer):
            config = layer.get_config()
            if isinstance(layer, keras.layers.BatchNormalization):
                config.update(epsilon=self.epsilon, momentum=batch_norm_momentum)
            if self.symmetric_padding and layer.name == backbone.stem:
                config.update(padding="valid")
            if self.symmetric_padding and isinstance(layer, keras.layers.ZeroPadding2D):
                config.update(padding=((1, 1), (1, 1)))
            return layer.__class__.from_config(config)

        return replace


@dataclass(frozen=True)
class Backbone:
    """One backbone.

    Attributes:
        constructor: `constructor(input_shape=…, weights=…, include_top=False, **options)` → a functional model.
        insertion_points: Names of the layers that a temporal layer precedes: the first of each residual branch.
        geometries: By name; `"keras"` is that of Keras Applications.
        stem: The first strided convolution, which pads by itself.
    """

    constructor: Callable[..., keras.Model]
    insertion_points: tuple[str, ...]
    geometries: dict[str, Geometry]
    stem: str


BACKBONES = {
    "mobilenet_v2": Backbone(
        constructor=keras.applications.MobileNetV2,
        # The stride-1 residual blocks with expansion.
        insertion_points=tuple(f"block_{i}_expand" for i in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)),
        geometries={
            "keras": Geometry(Preprocessing((1 / 127.5,) * 3, (-1.0,) * 3), epsilon=1e-3, symmetric_padding=False),
            "torchvision": Geometry(
                Preprocessing.from_mean_and_std(_IMAGENET_MEAN, _IMAGENET_STD),
                epsilon=1e-5,
                symmetric_padding=True,
            ),
        },
        stem="Conv1",
    ),
}


def get_backbone(name):
    """The registry's entry; a `ValueError` lists the known names."""
    if name not in BACKBONES:
        raise ValueError(f"`backbone` must be one of {sorted(BACKBONES)}. Received: backbone={name!r}")
    return BACKBONES[name]


def get_geometry(backbone, name):
    """A backbone's geometry; a `ValueError` lists those it has."""
    geometries = get_backbone(backbone).geometries
    if name not in geometries:
        raise ValueError(f"`geometry` of {backbone!r} must be one of {sorted(geometries)}. Received: geometry={name!r}")
    return geometries[name]

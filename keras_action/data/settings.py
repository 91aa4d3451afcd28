"""Settings of the data pipeline, which a recipe holds and `training_dataset` and `evaluation_dataset` take whole."""

from dataclasses import dataclass

from keras_action.data.decoders import DECODERS
from keras_action.utils.fields import ABOVE_ZERO, AT_LEAST_ZERO, SHARE, check_choice, check_ranges, normalise


@dataclass(frozen=True)
class Reading:
    """How clips are read.

    Attributes:
        decoder: The decoder of videos: `"pyav"` or `"tensorflow-io"`; see `frame_decoder`.
        cache: Whether decoded clips are kept in memory, or up to how many bytes of them. In training these are videos,
            scaled but neither sampled nor cropped, so that each epoch is augmented anew; True is 2 GiB, and videos
            beyond the limit are decoded each time. A video of 24 frames takes 0.5 MB at an input size of 64 (4:3), 6 MB
            at 224. JPEGs, in frame folders and shards, are never kept. In evaluation these are the finished clips, kept
            only if all fit; True is 1 GiB.
    """

    decoder: str = "pyav"
    cache: bool | int = False

    def __post_init__(self):
        normalise(self)
        check_choice("decoder", self.decoder, DECODERS)
        check_ranges(self, {"cache": (lambda x: x >= 0, "True, False or a number of bytes")})


@dataclass(frozen=True)
class Cropping:
    """How frames are cropped to the input size.

    Attributes:
        crop_to_aspect_ratio: Whether frames are cropped to the aspect ratio of the input size. If False, whole frames
            are scaled to it, before the crop in training.
        crop_scales: Sides of the corner crops of training, as shares of the shorter side, in descending order; see
            `multi_scale_corner_crop`.
        short_side: Pixels to which the shorter side of frames is scaled before the crop. `None` is 8/7 of the input
            size in training (256 for 224, as TSN has it), and the input size in evaluation. JPEGs are cropped first,
            and scaled once.
    """

    crop_to_aspect_ratio: bool = True
    crop_scales: tuple[float, ...] = (1.0, 0.875, 0.75, 0.66)
    short_side: int | None = None

    def __post_init__(self):
        normalise(self)
        if not self.crop_scales:
            raise ValueError("`crop_scales` must have at least one scale. Received: crop_scales=()")
        check_ranges(
            self,
            {
                "crop_scales": (lambda x: 0 < x <= 1, "above 0 and at most 1"),
                "short_side": (lambda x: x >= 1, "at least 1"),
            },
        )

    def training_short_side(self, size):
        """Pixels of the shorter side in training, for a crop of (height, width)."""
        return -(-max(size) * 8 // 7) if self.short_side is None else self.short_side


@dataclass(frozen=True)
class Sequences:
    """How training sequences of streams are joined from clips, and what the targets of their steps are.

    Attributes:
        time_step: Seconds from one step to the next. A model is run on streams at the time step of its training.
        speeds: The least and the greatest speed at which clips are played.
        max_dropped: The greatest share of the frames that are dropped from a sequence, at random; each sequence draws
            its own, from 0 up. The frame before is shown instead, as on a stream of a camera that drops frames.
        max_pause: The longest pause between gestures, in seconds; the shortest is none.
        background_until: Share of a gesture up to which its steps are background: it can't be recognised so early.
        label_from: Share of a gesture from which a step has its label. In between, background and label are both right.
        early_sequences: Number of sequences at the beginning of a training in which a step has its label earlier, from
            `early_label_from`. Labels that come only at the end of a gesture are harder to begin with.
        early_label_from: Share of a gesture from which a step of an early sequence has its label.
        label_after: Seconds after the end of a gesture until which a step has its label.
        background_weight: Weight of background steps; that of steps with the label of a gesture is 1.
        either_weight: Weight of the steps for which background and label are both right; with 0 they do not count, so
            that nothing keeps a model from other labels there.
    """

    time_step: float = 1 / 6
    speeds: tuple[float, ...] = (0.75, 1.3)
    max_dropped: float = 0.0
    max_pause: float = 3.0
    background_until: float = 0.55
    label_from: float = 0.85
    early_sequences: int = 0
    early_label_from: float = 0.85
    label_after: float = 0.4
    background_weight: float = 0.5
    either_weight: float = 0.0

    def __post_init__(self):
        normalise(self)
        check_ranges(
            self,
            {
                "time_step speeds": ABOVE_ZERO,
                "max_pause label_after background_weight either_weight early_sequences": AT_LEAST_ZERO,
                "background_until label_from early_label_from": SHARE,
                "max_dropped": (lambda x: 0 <= x < 1, "0 or more, and below 1"),
            },
        )
        if len(self.speeds) != 2 or self.speeds[0] > self.speeds[1]:
            raise ValueError(f"`speeds` must be the least and the greatest. Received: speeds={self.speeds}")
        for name in ("label_from", *(("early_label_from",) if self.early_sequences else ())):
            if self.background_until > getattr(self, name):
                raise ValueError(
                    f"`background_until` must be at most `{name}`. "
                    f"Received: background_until={self.background_until}, {name}={getattr(self, name)}"
                )


@dataclass(frozen=True)
class Augmentation:
    """How clips are augmented in training, besides the corner crop: by default not at all.

    Attributes:
        color_jitter: Strength of the changes of brightness, contrast and saturation, from 0 to 1; see `color_jitter`.
        rand_augment_ops: Number of operations of `rand_augment`; 0 for none.
        rand_augment_magnitude: Their strength, from 0 to 1.
        flip: Whether half of the clips are flipped horizontally and get the label that they then have. Classes whose
            flipped label is unknown are not flipped.
        flip_pairs: Pairs of classes that a horizontal flip exchanges, `"left:right"`; all other classes keep their
            label. `None` for the known pairs of Jester, Something-Something V2 and the synthetic gestures; see
            `flip_label_map`.
        reversal: Whether half of the clips are played backwards and get the label that they then have. Classes whose
            reversed label is unknown are not reversed.
        reversal_pairs: Pairs of classes that are each other's reverse; see `flip_pairs` and `reversal_label_map`.
        mixup_alpha: The alpha of `mixup`; 0 for none.
        cutmix_alpha: The alpha of `cutmix`; 0 for none. With both, one of them is drawn for each batch.
    """

    color_jitter: float = 0.0
    rand_augment_ops: int = 0
    rand_augment_magnitude: float = 0.3
    flip: bool = False
    flip_pairs: tuple[str, ...] | None = None
    reversal: bool = False
    reversal_pairs: tuple[str, ...] | None = None
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0

    def __post_init__(self):
        normalise(self)
        check_ranges(
            self,
            {
                "rand_augment_ops mixup_alpha cutmix_alpha": AT_LEAST_ZERO,
                "color_jitter rand_augment_magnitude": SHARE,
                "flip_pairs reversal_pairs": (lambda x: x.count(":") == 1, 'pairs of labels like "left:right"'),
            },
        )

    @property
    def mixes(self):
        """Whether clips and labels of a batch are mixed."""
        return self.mixup_alpha > 0 or self.cutmix_alpha > 0

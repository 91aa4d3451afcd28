"""Evaluation protocols."""

import operator
from dataclasses import dataclass

from keras_action.utils.fields import check_ranges, normalise


@dataclass(frozen=True)
class Protocol:
    """The views of each video in an evaluation: by default one, the middle frame of each segment, centre crop.

    Attributes:
        num_segments: T, the number of frames of a clip.
        input_size: Size of the frames in pixels: an integer, or `(height, width)`.
        num_clips: Number of clips of each video.
        num_crops: Number of crops of each clip: 1, the centre, or 3 side by side.
        sampling: Which frames make a clip: one of `keras_action.data.SAMPLING_METHODS`.
        seed: Seed for clips sampled at random; `None` for clips spread evenly.
        short_side: Pixels to which the frames' shorter side is scaled before crops are cut; `None` for the input size.
        crop_to_aspect_ratio: Whether frames are cropped to the aspect ratio of the input. If False, whole frames
            are scaled to it.

    Example:

    >>> print(Protocol.paper(num_segments=8))
    10 clips × 3 crops of 256 × 256 pixels, 8 frames each, sampling "segments" at random, seed 0
    """

    num_segments: int
    input_size: int | tuple[int, int]
    num_clips: int = 1
    num_crops: int = 1
    sampling: str = "segments"
    seed: int | None = None
    short_side: int | None = None
    crop_to_aspect_ratio: bool = True

    @classmethod
    def as_trained(cls, recipe):
        """One clip of middle frames, of the size, sampling and crop that a `keras_action.Recipe` trains with."""
        return cls(
            recipe.num_segments,
            recipe.input_size,
            sampling=recipe.sampling,
            crop_to_aspect_ratio=recipe.cropping.crop_to_aspect_ratio,
        )

    @classmethod
    def paper(cls, num_segments, input_size=256, **changes):
        """The paper's test (section 4.2): ten clips sampled at random, as in training, in three crops of 256 × 256."""
        settings = {"num_clips": 10, "num_crops": 3, "sampling": "segments", "seed": 0}
        return cls(num_segments, input_size, **{**settings, **changes})

    @classmethod
    def reference_code(cls, num_segments, input_size=256, **changes):
        """As `paper`, with frames from segments of whole frames; see `keras_action.data.sample_reference_segments`.

        This is the test of the [released code](https://github.com/V-Sense/ACTION-Net) on Jester and
        Something-Something V2 (`test_jester_8f.sh` and `test_sthv2_8f.sh`: `--test_crops 3 --scale_size 256
        --crop_size 256 --clip_num 10`).
        """
        return cls.paper(num_segments, input_size, **{"sampling": "reference", **changes})

    def __post_init__(self):
        normalise(self)
        if not isinstance(self.input_size, int):
            object.__setattr__(self, "input_size", tuple(map(operator.index, self.input_size)))
        check_ranges(self, {"num_segments num_clips num_crops input_size": (lambda x: x >= 1, "at least 1")})

    @property
    def size(self):
        """`(height, width)` of the frames."""
        return self.input_size if isinstance(self.input_size, tuple) else (self.input_size, self.input_size)

    @property
    def num_views(self):
        """The number of views of each video."""
        return self.num_clips * self.num_crops

    def __str__(self):
        clips = "1 clip" if self.num_clips == 1 else f"{self.num_clips} clips"
        one = "centre crop of" if self.crop_to_aspect_ratio else "whole frame scaled to"
        crops = one if self.num_crops == 1 else f"{self.num_crops} crops of"
        parts = [f"{clips} × {crops} {self.size[0]} × {self.size[1]} pixels, {self.num_segments} frames each"]
        if self.short_side is not None:
            parts.append(f"short side {self.short_side}")
        parts.append(f'sampling "{self.sampling}"' + ("" if self.seed is None else f" at random, seed {self.seed}"))
        return ", ".join(parts)

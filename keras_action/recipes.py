"""A recipe: everything that a training run is made of, in one frozen dataclass."""

import dataclasses
import difflib
import json
import operator
import types
import typing
from dataclasses import dataclass

MODELS = ("action_net", "tsm", "tsn")


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, and how. A misspelt field is an error.

    Attributes:
        model: `"action_net"`, `"tsm"` or `"tsn"`.
        backbone: Name of the backbone, as in `keras_action.build_action_net`.
        alpha: Width of a MobileNet backbone.
        num_segments: T, the frames of one clip.
        input_size: Height and width of the frames, in pixels.
        weights: `None`, `"imagenet"`, or the path of a file with the backbone's weights.
        zero_init_residual: Whether each residual branch starts at zero, which makes training from scratch faster.
        dropout: Share of pooled features dropped in training.
        epochs: Passes over the training set.
        batch_size: Clips in one step.
        learning_rate: The highest one; it is reached after the warm-up and falls to zero on a cosine.
        warmup_epochs: Epochs in which the learning rate rises from zero.
        weight_decay: Decoupled, as in AdamW; biases and batch normalisation are left out.
        clipnorm: The global norm of the gradient is clipped to it.
        label_smoothing: Share of the label that is spread over all classes.
        sampling: Which frames make a clip: `"segments"`, `"released"` or `"dense"`, see
            `keras_action.data.SAMPLING_METHODS`.
        crop_scales: Sides of the multi-scale corner crops, as shares of the shorter side.
        color_jitter: Strength of the changes in brightness, contrast and saturation; 0 for none.
        rand_augment_ops: Operations of RandAugment; 0 for none.
        rand_augment_magnitude: Their strength, from 0 to 1.
        flip: Whether half of the clips are mirrored, with the label that they then have; classes of which that is not
            known are left as they are.
        flip_pairs: Pairs of classes that a mirror exchanges, `"left:right"`; `None` for those that are known of
            Jester, Something-Something V2 and the made-up gestures. See `keras_action.data.mirrored_ids`.
        reversal: Whether half of the clips are played backwards, with the label that they then have.
        reversal_pairs: Pairs of classes that are each other's reverse, as `flip_pairs`.
        mix_up: The alpha of MixUp; 0 for none.
        cut_mix: The alpha of CutMix; 0 for none. With both, each batch has one of them.
        decoder: What decodes videos: `"pyav"` or `"tensorflow-io"`.
        cache: Whether decoded videos are kept in memory: up to 2 GiB for training, 1 GiB for validation.
        max_failed_share: Share of the clips that may be impossible to decode before training stops.
        mixed_precision: `None`, `"mixed_float16"` or `"mixed_bfloat16"`.
        seed: Of the initial weights, the order of clips, their frames and crops, and dropout.

    Example:

    >>> recipe = Recipe(model="tsn", epochs=3)
    >>> recipe.override(["epochs=5", "learning_rate=0.01"]).epochs
    5
    """

    model: str = "action_net"
    backbone: str = "mobilenet_v2"
    alpha: float = 1.0
    num_segments: int = 8
    input_size: int = 224
    weights: str | None = "imagenet"
    zero_init_residual: bool = False
    dropout: float = 0.5
    epochs: int = 30
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_epochs: float = 1.0
    weight_decay: float = 1e-2
    clipnorm: float = 20.0
    label_smoothing: float = 0.1
    sampling: str = "segments"
    crop_scales: tuple[float, ...] = (1.0, 0.875, 0.75, 0.66)
    color_jitter: float = 0.2
    rand_augment_ops: int = 0
    rand_augment_magnitude: float = 0.3
    flip: bool = False
    flip_pairs: tuple[str, ...] | None = None
    reversal: bool = False
    reversal_pairs: tuple[str, ...] | None = None
    mix_up: float = 0.0
    cut_mix: float = 0.0
    decoder: str = "pyav"
    cache: bool = False
    max_failed_share: float = 0.1
    mixed_precision: str | None = None
    seed: int = 0

    def __post_init__(self):
        if self.model not in MODELS:
            raise ValueError(f"`model` must be one of {MODELS}. Received: model={self.model!r}")
        for name in ("crop_scales", "flip_pairs", "reversal_pairs"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))  # a list, where it comes from JSON
        for name in ("num_segments", "input_size", "epochs", "batch_size", "rand_augment_ops", "seed"):
            object.__setattr__(self, name, operator.index(getattr(self, name)))  # NumPy's would not go into JSON
        for name in ("num_segments", "input_size", "epochs", "batch_size", "learning_rate", "clipnorm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be above 0. Received: {name}={getattr(self, name)!r}")
        for name in ("rand_augment_ops", "mix_up", "cut_mix"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"`{name}` must be 0 or more. Received: {name}={getattr(self, name)!r}")
        for name in ("flip_pairs", "reversal_pairs"):
            for pair in getattr(self, name) or ():
                if pair.count(":") != 1:
                    raise ValueError(f"`{name}` must be names with a colon between each two. Received: {pair!r}")
        for name in ("dropout", "label_smoothing", "color_jitter", "rand_augment_magnitude", "max_failed_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` must be from 0 to 1. Received: {name}={getattr(self, name)!r}")

    def override(self, assignments):
        """A copy with fields set from texts `"name=value"`, as a command line gives them."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        changes = {}
        for assignment in assignments:
            name, separator, text = assignment.partition("=")
            if not separator or name not in fields:
                close = difflib.get_close_matches(name, fields, n=1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise ValueError(
                    f"An override must be `field=value` with one of the fields {sorted(fields)}.{hint} "
                    f"Received: {assignment!r}"
                )
            changes[name] = _parse(name, text, fields[name].type)
        return dataclasses.replace(self, **changes)

    def to_dict(self):
        """The fields as a dict that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values):
        """The recipe of `to_dict`'s dict; an unknown field is a `ValueError`."""
        unknown = set(values) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise ValueError(f"A recipe has no such fields: {sorted(unknown)}. Received: {json.dumps(values)}")
        return cls(**values)


def _parse(name, text, kind):
    """A command line's text as a field's value; `kind` is the field's annotation."""
    if isinstance(kind, types.UnionType):
        if text.lower() == "none":
            return None
        kind = typing.get_args(kind)[0]
    is_tuple = typing.get_origin(kind) is tuple
    if is_tuple:
        kind = typing.get_args(kind)[0]
    try:
        if is_tuple:
            return tuple(kind(part) for part in text.split(",")) if text else ()
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError):
        raise ValueError(f"`{name}` must be of type {kind.__name__}. Received: {name}={text}") from None

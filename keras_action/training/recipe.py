"""A recipe: everything that a training run is made of, in one frozen dataclass."""

import dataclasses
import difflib
import json
import operator
import types
import typing
from dataclasses import dataclass

MODELS = ("action_net", "tsm", "tsn")

_CHOICES = {
    "model": MODELS,
    "shift": ("default", "learnable", "fixed", "none"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("cosine", "steps"),
}
# Fields, what must hold of each, and how that is said.
_RANGES = (
    ("num_segments input_size epochs batch_size gradient_accumulation_steps learning_rate", lambda x: x > 0, "above 0"),
    ("reference_batch_size global_clipnorm decay_factor", lambda x: x > 0, "above 0"),
    ("warmup_epochs weight_decay frozen_epochs frozen_stages", lambda x: x >= 0, "0 or more"),
    ("rand_augment_ops mixup_alpha cutmix_alpha seed", lambda x: x >= 0, "0 or more"),
    ("dropout label_smoothing color_jitter rand_augment_magnitude", lambda x: 0 <= x <= 1, "from 0 to 1"),
    ("max_failed_share", lambda x: 0 <= x <= 1, "from 0 to 1"),
    ("momentum ema_momentum", lambda x: 0 <= x < 1, "from 0 to below 1"),
)


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
        start_from: Path of a training run, a `.keras` file or a PyTorch checkpoint of the same kind of model, whose
            weights the whole model starts with; `weights` is then not read. The classifier is new where the classes
            are others. A causal model can start from one that is not.
        variant: Of the backbone; `None` for that of the weights. See `keras_action.build_action_net`.
        paths: Excitations of ACTION-Net: of `"ste"`, `"ce"`, `"me"`.
        shift: Temporal shift: `"learnable"`, `"fixed"` or `"none"`; `"default"` is learnable in ACTION-Net and fixed in
            TSM.
        causal: Whether no frame sees a later one, as `keras_action.streaming_model` needs it.
        stages: Stages that get temporal layers; `None` for all.
        location: Where in a block they stand, 1 to 4.
        zero_init_residual: Whether each residual branch starts at zero, which makes training from scratch faster.
        unit_gain: Whether what follows an ACTION module is scaled by what the module multiplies by at first, so that
            `weights` still fit; see `keras_action.build_action_net`. Nothing without `weights`.
        dropout: Share of pooled features dropped in training.
        epochs: Passes over the training set.
        batch_size: Clips in one update of the weights.
        gradient_accumulation_steps: Parts in which those clips go through the model, one after the other, where they
            do not fit into memory at once. Batch normalisation sees the parts.
        optimizer: `"adamw"` or `"sgd"`, which is `keras_action.optimizers.ParameterGroupSGD`.
        learning_rate: The highest one.
        reference_batch_size: Clips in an update for which that is; for others it is in proportion. `None`: it is as it
            stands.
        momentum: Of SGD.
        schedule: `"cosine"`, to zero at the end, or `"steps"`.
        decay_epochs: Epochs, counted from 0, from which on the learning rate of `"steps"` is lower.
        decay_factor: By which it is multiplied at each of them.
        warmup_epochs: Epochs in which the learning rate rises from zero.
        weight_decay: Of AdamW decoupled, of SGD a part of the gradient; biases and batch normalisation are left out.
        global_clipnorm: The global norm of the gradient is clipped to it.
        label_smoothing: Share of the label that is spread over all classes.
        ema_momentum: Momentum of a moving average of the weights, such as 0.999, which is validated and kept as the
            best; 0 for none.
        frozen_epochs: Epochs at the beginning in which only new layers learn, classifier and temporal layers, at a
            constant rate; the schedule begins after them.
        frozen_stages: Stages of the backbone, counted from the input, whose weights stay as they were given.
        partial_batch_norm: Whether only the first batch normalisation learns and follows the batches' statistics, and
            all others keep what they were given: in the small batches of videos the statistics are rough
            ([TSN](https://arxiv.org/abs/1608.00859), section 3.2). ACTION's own then stay as they were initialised.
        synchronized_batch_norm: Whether batch normalisation takes its statistics over the clips of all replicas of
            TensorFlow's MirroredStrategy, instead of each replica's own; on JAX it does anyway. A model that has it
            can be read on TensorFlow alone.
        sampling: Which frames make a clip: `"segments"`, `"reference"` or `"dense"`, see
            `keras_action.data.SAMPLING_METHODS`.
        crop_to_aspect_ratio: Whether crops keep the frames' aspect ratio. If False, whole frames are scaled to a square
            before the crop.
        crop_scales: Sides of the multi-scale corner crops, as shares of the shorter side.
        color_jitter: Strength of the changes in brightness, contrast and saturation; 0 for none.
        rand_augment_ops: Operations of RandAugment; 0 for none.
        rand_augment_magnitude: Their strength, from 0 to 1.
        flip: Whether half of the clips are mirrored, with the label that they then have; classes of which that is not
            known are left as they are.
        flip_pairs: Pairs of classes that a mirror exchanges, `"left:right"`; `None` for those that are known of
            Jester, Something-Something V2 and the made-up gestures. See `keras_action.data.flip_label_map`.
        reversal: Whether half of the clips are played backwards, with the label that they then have.
        reversal_pairs: Pairs of classes that are each other's reverse, as `flip_pairs`.
        mixup_alpha: The alpha of MixUp; 0 for none.
        cutmix_alpha: The alpha of CutMix; 0 for none. With both, each batch has one of them.
        decoder: What decodes videos: `"pyav"` or `"tensorflow-io"`.
        cache: Whether decoded videos are kept in memory: up to 2 GiB for training, 1 GiB for validation.
        max_failed_share: Share of the clips that may be impossible to decode before training stops.
        mixed_precision: `None`, `"mixed_float16"` or `"mixed_bfloat16"`.
        jit_compile: Whether XLA compiles the step; `None` leaves it to Keras, which does where it can.
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
    start_from: str | None = None
    variant: str | None = None
    paths: tuple[str, ...] = ("ste", "ce", "me")
    shift: str = "default"
    causal: bool = False
    stages: tuple[int, ...] | None = None
    location: int = 1
    zero_init_residual: bool = False
    unit_gain: bool = False
    dropout: float = 0.5
    epochs: int = 30
    batch_size: int = 16
    gradient_accumulation_steps: int = 1
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    reference_batch_size: int | None = None
    momentum: float = 0.9
    schedule: str = "cosine"
    decay_epochs: tuple[int, ...] = ()
    decay_factor: float = 0.1
    warmup_epochs: float = 1.0
    weight_decay: float = 1e-2
    global_clipnorm: float = 20.0
    label_smoothing: float = 0.1
    ema_momentum: float = 0.0
    frozen_epochs: int = 0
    frozen_stages: int = 0
    partial_batch_norm: bool = False
    synchronized_batch_norm: bool = False
    sampling: str = "segments"
    crop_to_aspect_ratio: bool = True
    crop_scales: tuple[float, ...] = (1.0, 0.875, 0.75, 0.66)
    color_jitter: float = 0.2
    rand_augment_ops: int = 0
    rand_augment_magnitude: float = 0.3
    flip: bool = False
    flip_pairs: tuple[str, ...] | None = None
    reversal: bool = False
    reversal_pairs: tuple[str, ...] | None = None
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    decoder: str = "pyav"
    cache: bool = False
    max_failed_share: float = 0.1
    mixed_precision: str | None = None
    jit_compile: bool | None = None
    seed: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            self._normalise(field.name, field.type)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={getattr(self, name)!r}")
        for names, holds, demand in _RANGES:
            for name in names.split():
                value = getattr(self, name)
                if value is not None and not holds(value):
                    raise ValueError(f"`{name}` must be {demand}. Received: {name}={value!r}")
        for name in ("flip_pairs", "reversal_pairs"):
            for pair in getattr(self, name) or ():
                if pair.count(":") != 1:
                    raise ValueError(f"`{name}` must be names with a colon between each two. Received: {pair!r}")
        if self.batch_size % self.gradient_accumulation_steps:
            raise ValueError(
                "`batch_size` must be a multiple of `gradient_accumulation_steps`. "
                f"Received: batch_size={self.batch_size}, "
                f"gradient_accumulation_steps={self.gradient_accumulation_steps}"
            )
        if self.start_from is not None and self.zero_init_residual:
            raise ValueError(
                "`zero_init_residual` is for training from scratch: it would spoil trained weights. "
                f"Received: zero_init_residual=True, start_from={self.start_from!r}"
            )
        if self.frozen_epochs >= self.epochs:
            raise ValueError(
                "`frozen_epochs` must be fewer than `epochs`. "
                f"Received: frozen_epochs={self.frozen_epochs}, epochs={self.epochs}"
            )
        if list(self.decay_epochs) != sorted(set(self.decay_epochs)):
            raise ValueError(f"`decay_epochs` must ascend. Received: decay_epochs={self.decay_epochs}")

    def _normalise(self, name, kind):
        """What NumPy or JSON gave becomes what it should be: NumPy's numbers would not go into JSON."""
        value = _plain(getattr(self, name))
        if value is not None and kind is int:
            value = operator.index(value)
        elif value is not None and "tuple" in str(kind):
            value = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        object.__setattr__(self, name, value)

    @property
    def clips_per_step(self):
        """Clips that go through the model at once."""
        return self.batch_size // self.gradient_accumulation_steps

    @property
    def peak_learning_rate(self):
        """The highest learning rate, by the linear rule where there is a reference."""
        return self.learning_rate * self.batch_size / (self.reference_batch_size or self.batch_size)

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


def _plain(value):
    """NumPy's numbers and arrays, also in tuples, as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


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

"""A recipe: all settings of a training run in one frozen dataclass."""

import dataclasses
from dataclasses import dataclass

from keras_action.data.sampling import SAMPLING_METHODS
from keras_action.data.settings import Augmentation, Cropping, Reading, Sequences
from keras_action.layers.action import PATHS
from keras_action.models.backbones import get_variant
from keras_action.utils.fields import (
    ABOVE_ZERO,
    AT_LEAST_ZERO,
    SHARE,
    check_choice,
    check_ranges,
    did_you_mean,
    normalise,
    parse_field,
)

MODELS = ("action_net", "tsm", "tsn")

_CHOICES = {
    "model": MODELS,
    "shift": ("default", "learnable", "fixed", None),
    "location": (1, 2, 3, 4),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("cosine", "steps"),
    "sampling": tuple(SAMPLING_METHODS),
    "mixed_precision": (None, "mixed_float16", "mixed_bfloat16"),
}
_RANGES = {
    "num_segments input_size epochs batch_size gradient_accumulation_steps learning_rate alpha memory": ABOVE_ZERO,
    "reference_batch_size global_clipnorm decay_factor": ABOVE_ZERO,
    "warmup_epochs weight_decay frozen_epochs frozen_stages decay_epochs adapt_batch_norm seed": AT_LEAST_ZERO,
    "dropout label_smoothing max_failed_share": SHARE,
    "momentum ema_momentum": (lambda x: 0 <= x < 1, "from 0 to below 1"),
    "stages": (lambda x: 1 <= x <= 5, "stages from 1 to 5"),
}


@dataclass(frozen=True)
class Recipe:
    """The settings of a training run: model, data and optimisation.

    A wrong value, or a misspelt field, is an error when the recipe is made. `override`, `replace`, `to_dict` and
    `from_dict` name the fields of `cropping`, `augmentation`, `sequences` and `reading` as if they were the recipe's
    own.

    Attributes:
        model: `"action_net"`, `"tsm"` or `"tsn"`.
        backbone: Name of the backbone, as in `keras_action.build_action_net`.
        alpha: Width of a MobileNet backbone.
        num_segments: T, the number of frames of a clip.
        input_size: Height and width of the frames, in pixels.
        weights: `None`, `"imagenet"`, `"motion"`, or the path of a file with the backbone's weights.
        start_from: Path of a training run, a `.keras` file or a PyTorch checkpoint of the same kind of model, whose
            weights initialise the whole model; `weights` is then ignored. The classifier is new if the classes differ.
            A causal model can start from one that is not causal.
        variant: Variant of the backbone; `None` for that of the weights. See `keras_action.build_action_net`.
        paths: Excitations of ACTION-Net: one or more of `"ste"`, `"ce"`, `"me"`.
        shift: Temporal shift: `"learnable"`, `"fixed"` or `None`; `"default"` is learnable in ACTION-Net and fixed in
            TSM.
        causal: Whether frames depend only on earlier ones, as `keras_action.streaming_model` needs it.
        memory: Units of a `keras_action.layers.TemporalMemory` behind the pooled features, `None` for none. It needs
            `causal`.
        return_sequences: Whether the model is trained on streams instead of single clips: each of `num_segments` steps
            has its own target. It needs `causal`.
        stages: Stages with temporal layers; `None` for all.
        location: Place of the temporal layer in a block, 1 to 4.
        zero_init_residual: Whether each residual branch starts at zero, which speeds up training from scratch.
        dropout: Share of the pooled features dropped in training.
        epochs: Number of passes over the training set.
        batch_size: Number of clips in one update of the weights.
        gradient_accumulation_steps: Number of parts into which a batch is divided to save memory. Batch normalisation
            uses the statistics of a part.
        optimizer: `"adamw"`, or `"sgd"` for `keras_action.optimizers.ParameterGroupSGD`.
        learning_rate: The peak learning rate.
        reference_batch_size: The batch size that `learning_rate` is for; for others it is scaled in proportion. `None`
            for no scaling.
        momentum: Momentum of SGD.
        schedule: `"cosine"`, to zero at the end, or `"steps"`.
        decay_epochs: Epochs, counted from 0, at whose beginning `"steps"` lowers the learning rate.
        decay_factor: The factor of each of these steps.
        warmup_epochs: Number of epochs in which the learning rate rises from zero.
        weight_decay: Weight decay: decoupled in AdamW, part of the gradient in SGD, never of biases and batch
            normalisation.
        global_clipnorm: Norm to which the whole gradient is clipped.
        label_smoothing: Share of the label that is spread over all classes.
        ema_momentum: Momentum of a moving average of the weights, such as 0.999; 0 for none. The average is validated,
            and saved as `best.keras`.
        frozen_epochs: Number of epochs at the beginning in which only the new layers (classifier, temporal layers)
            are trained, at a constant learning rate; the schedule begins after them.
        frozen_stages: Number of stages of the backbone, from the input on, that are not trained.
        adapt_batch_norm: Number of batches of the training set from which the statistics of all batch normalisations
            are computed anew before the training, so that they fit these clips and fresh modules; 0 keeps those of the
            weights. See `keras_action.training.batch_norm.adapt_batch_norm`.
        partial_batch_norm: Whether only the first batch normalisation is trained and updates its statistics, since
            those of small batches of videos are inaccurate ([TSN](https://arxiv.org/abs/1608.00859), section 3.2).
            Those of ACTION modules then stay as initialised, or as adapted.
        synchronized_batch_norm: Whether batch normalisation uses the statistics of all replicas of TensorFlow's
            MirroredStrategy instead of its own; on JAX it always does. Such a model can be loaded only on TensorFlow.
        sampling: Which frames make a clip: `"segments"`, `"reference"` or `"dense"`; see
            `keras_action.data.SAMPLING_METHODS`.
        cropping: A `keras_action.data.Cropping`.
        augmentation: A `keras_action.data.Augmentation`.
        sequences: A `keras_action.data.Sequences`, for `return_sequences`.
        reading: A `keras_action.data.Reading`.
        max_failed_share: Share of the clips that may fail to decode before training stops.
        mixed_precision: `None`, `"mixed_float16"` or `"mixed_bfloat16"`.
        jit_compile: Whether XLA compiles the training step; `None` for Keras' default.
        seed: Seed of the initial weights, the order of clips, their frames and crops, and dropout.

    Example:

    >>> recipe = Recipe(model="tsn", epochs=3, augmentation=Augmentation(color_jitter=0.4, flip=True))
    >>> recipe.replace(epochs=5, color_jitter=0.2).augmentation.color_jitter
    0.2
    """

    model: str = "action_net"
    backbone: str = "mobilenet_v2"
    alpha: float = 1.0
    num_segments: int = 8
    input_size: int = 224
    weights: str | None = "imagenet"
    start_from: str | None = None
    variant: str | None = None
    paths: tuple[str, ...] = PATHS
    shift: str | None = "default"
    causal: bool = False
    memory: int | None = None
    return_sequences: bool = False
    stages: tuple[int, ...] | None = None
    location: int = 1
    zero_init_residual: bool = False
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
    adapt_batch_norm: int = 0
    partial_batch_norm: bool = False
    synchronized_batch_norm: bool = False
    sampling: str = "segments"
    cropping: Cropping = Cropping()
    augmentation: Augmentation = Augmentation(color_jitter=0.2)
    sequences: Sequences = Sequences()
    reading: Reading = Reading()
    max_failed_share: float = 0.1
    mixed_precision: str | None = None
    jit_compile: bool | None = None
    seed: int = 0

    def __post_init__(self):
        normalise(self)
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        check_ranges(self, _RANGES)
        get_variant(self.backbone, self.variant)
        for path in self.paths:
            check_choice("paths", path, PATHS)
        if not self.paths or len(set(self.paths)) < len(self.paths):
            raise ValueError(f"`paths` must be one or more of {PATHS}, each once. Received: paths={self.paths}")
        if self.batch_size % self.gradient_accumulation_steps:
            raise ValueError(
                "`batch_size` must be a multiple of `gradient_accumulation_steps`. "
                f"Received: batch_size={self.batch_size}, "
                f"gradient_accumulation_steps={self.gradient_accumulation_steps}"
            )
        if not self.causal and (self.memory is not None or self.return_sequences):
            raise ValueError(
                "`memory` and `return_sequences` are for streams: they need `causal=True`. "
                f"Received: memory={self.memory}, return_sequences={self.return_sequences}, causal=False"
            )
        if self.start_from is not None and self.zero_init_residual:
            raise ValueError(
                "`zero_init_residual` is for training from scratch, not from trained weights. "
                f"Received: zero_init_residual=True, start_from={self.start_from!r}"
            )
        if self.frozen_epochs >= self.epochs:
            raise ValueError(
                "`frozen_epochs` must be fewer than `epochs`. "
                f"Received: frozen_epochs={self.frozen_epochs}, epochs={self.epochs}"
            )
        if list(self.decay_epochs) != sorted(set(self.decay_epochs)):
            raise ValueError(f"`decay_epochs` must ascend. Received: decay_epochs={self.decay_epochs}")

    @property
    def clips_per_step(self):
        """Number of clips that go through the model at once."""
        return self.batch_size // self.gradient_accumulation_steps

    @property
    def peak_learning_rate(self):
        """The highest learning rate, scaled to the batch size if there is a `reference_batch_size`."""
        return self.learning_rate * self.batch_size / (self.reference_batch_size or self.batch_size)

    def replace(self, **changes):
        """A copy with other values of fields, also of those of `cropping`, `augmentation`, `sequences` and `reading`.

        Example:

        >>> Recipe().replace(epochs=5, crop_scales=(1.0,)).cropping.crop_scales
        (1.0,)
        """
        groups = {}
        for name in [name for name in changes if name not in _OWN_FIELDS]:
            _check_field(name)
            groups.setdefault(_GROUPS[name], {})[name] = changes.pop(name)
        for group, values in groups.items():
            changes[group] = dataclasses.replace(changes.get(group, getattr(self, group)), **values)
        return dataclasses.replace(self, **changes)

    def override(self, assignments):
        """A copy with fields set from texts `"name=value"`, as on a command line.

        Example:

        >>> Recipe().override(["epochs=5", "learning_rate=0.01", "weights=none"]).epochs
        5
        """
        changes = {}
        for assignment in assignments:
            name, separator, text = assignment.partition("=")
            _check_field(name, assignment)
            if not separator:
                raise ValueError(f"An override must be `field=value`. Received: {assignment!r}")
            changes[name] = parse_field(_FIELDS[name], text)
        return self.replace(**changes)

    def to_dict(self):
        """The fields as a flat dict of JSON values."""
        values = dataclasses.asdict(self)
        for group in dict.fromkeys(_GROUPS.values()):
            values |= values.pop(group)
        return values

    @classmethod
    def from_dict(cls, values):
        """The recipe of a dict of `to_dict`; raises a `ValueError` for an unknown field."""
        for name in values:
            _check_field(name)
        return cls().replace(**values)


_OWN_FIELDS = {field.name: field for field in dataclasses.fields(Recipe)}
# Name of a field of `cropping`, `augmentation`, `sequences` or `reading` → the name of this group.
_GROUPS = {
    field.name: group
    for group in ("cropping", "augmentation", "sequences", "reading")
    for field in dataclasses.fields(_OWN_FIELDS[group].type)
}
# All fields, by their names on command lines and in files.
_FIELDS = {name: field for name, field in _OWN_FIELDS.items() if name not in _GROUPS.values()} | {
    field.name: field
    for group in dict.fromkeys(_GROUPS.values())
    for field in dataclasses.fields(_OWN_FIELDS[group].type)
}


def _check_field(name, received=None):
    if name not in _FIELDS:
        hint = did_you_mean(name, _FIELDS) or f" Its fields are {', '.join(sorted(_FIELDS))}."
        raise ValueError(f"A recipe has no field {name!r}.{hint} Received: {name if received is None else received}")

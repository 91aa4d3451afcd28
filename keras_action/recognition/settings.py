"""Settings of the event detectors, and their JSON file. NumPy only."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np

from keras_action.utils.fields import SHARE, check_choice, check_ranges, normalise
from keras_action.utils.files import write_json
from keras_action.utils.intervals import IGNORED_LABELS

SECONDS = (lambda x: 0 <= x < math.inf, "0 or more seconds")
_POSITIVE = (lambda x: 0 < x < math.inf, "a positive number of seconds")
_CHOICES = {"smoothing_kind": ("mean", "exponential"), "firing": ("late", "early")}


@dataclasses.dataclass(frozen=True)
class DetectorSettings:
    """Settings that all event detectors share. All times are in seconds, never in frames.

    Args:
        smoothing: Duration over which the probabilities are smoothed; 0 for none.
        smoothing_kind: `"mean"` over the last `smoothing` seconds, or
            `"exponential"` with `smoothing` as the time constant.
        on_threshold: Smoothed probability at which a gesture begins.
        margin: Minimum distance from the probability of the second class for a
            gesture to begin.
        refractory: Time after a gesture in which no other can begin. For
            `WindowDetector`, the maximum distance of the centres of windows of one
            label that are one gesture.
        firing: `"late"` to report a gesture when it has ended, or `"early"` as soon
            as it is certain.
        ignore: Labels that are not gestures and never become an event, regardless of
            case. The default ones need not be among the classes.
        window_seconds: Lengths of the recogniser's windows for which the settings
            were tuned. `None` for the length of the model's clips.
        stride: Time from one window to the next for which they were tuned. `None`
            for the recogniser's default.

    Raises:
        ValueError: If a field is out of range.
    """

    smoothing: float = 0.3
    smoothing_kind: str = "mean"
    on_threshold: float = 0.7
    margin: float = 0.0
    refractory: float = 0.3
    firing: str = "late"
    ignore: tuple[str, ...] = IGNORED_LABELS
    window_seconds: tuple[float, ...] | None = None
    stride: float | None = None

    def __post_init__(self):
        normalise(self)
        if not all(isinstance(label, str) for label in self.ignore):
            raise ValueError(f"`ignore` must contain names of labels. Received: ignore={self.ignore}")
        for name, choices in _CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        check_ranges(self, {"smoothing refractory": SECONDS, "on_threshold margin": SHARE, "stride": _POSITIVE})
        if self.window_seconds is not None:
            object.__setattr__(self, "window_seconds", window_lengths(self.window_seconds))

    def with_on_threshold(self, threshold):
        """The settings with another `on_threshold`."""
        return dataclasses.replace(self, on_threshold=threshold)

    @classmethod
    def from_dict(cls, values):
        """The settings in a dictionary of `to_dict`; missing fields have their defaults."""
        if not isinstance(values, dict):
            raise ValueError(f"Event settings must be a dictionary. Received: {values!r}")
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"{cls.__name__} has no fields {unknown}. Received: {values}")
        return cls(**values)

    def to_dict(self):
        """The fields as plain values, for JSON."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def load(cls, path):
        """The settings in a JSON file that `save` wrote.

        Raises:
            OSError: If the file can't be read.
            ValueError: If it does not contain these settings; the message names the file.
        """
        return read_settings(path, cls.from_dict)

    def save(self, path):
        """Writes the settings as JSON, whole or not at all."""
        return write_json(path, self.to_dict())


@dataclasses.dataclass(frozen=True)
class EventSettings(DetectorSettings):
    """Settings of `EventDetector`, for streaming models and windows of one length.

    Args:
        off_threshold: Smoothed probability below which a gesture ends.
        min_duration: Minimum duration of a gesture. Shorter ones are dropped. With
            early firing a gesture is reported when it has lasted this long.
        merge_gap: Time within which a label that returns is still the same gesture.
            With late firing a gesture is reported after this time.
        **fields: The fields of `DetectorSettings`.

    Raises:
        ValueError: If a field is out of range.

    Example:

    >>> settings = EventSettings.for_clips(2.4, firing="early")
    >>> settings.save("events.json")
    >>> EventSettings.load("events.json") == settings
    True
    """

    off_threshold: float = 0.5
    min_duration: float = 0.3
    merge_gap: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        check_ranges(self, {"min_duration merge_gap": SECONDS, "off_threshold": SHARE})
        if self.off_threshold > self.on_threshold:
            raise ValueError(
                "`off_threshold` must be at most `on_threshold`. "
                f"Received: on_threshold={self.on_threshold}, off_threshold={self.off_threshold}"
            )
        if len(self.window_seconds or ()) > 1:
            raise ValueError(
                "Windows of several lengths need `WindowEventSettings`. "
                f"Received: EventSettings with window_seconds={self.window_seconds}"
            )

    @classmethod
    def for_clips(cls, clip_seconds, **changes):
        """Settings for windows of the length of the clips that a model was trained on.

        A gesture stays recognisable while the window moves over most of it. Motion that only resembles one, as a hand
        that enters the picture, is recognised in few windows. So the times are proportional to the length of the
        window: 3/8 of it for `smoothing`, 9/20 for `min_duration`.

        Args:
            clip_seconds: Length of the windows, in seconds.
            **changes: Other fields, which override these.
        """
        return cls(**{"smoothing": 0.375 * clip_seconds, "min_duration": 0.45 * clip_seconds, **changes})

    @classmethod
    def for_steps(cls, stride, **changes):
        """Settings for a streaming model that was trained with `return_sequences`.

        Its logits show a gesture at its end, so an event fires early, and none can begin in the next half second.

        Args:
            stride: Time from one step to the next, in seconds.
            **changes: Other fields, which override these.
        """
        fields = {"on_threshold": 0.55, "smoothing": 3 * stride, "min_duration": 0.0, "merge_gap": 2 * stride}
        return cls(**{**fields, "refractory": 0.5, "firing": "early", **changes})

    def with_on_threshold(self, threshold):
        """The settings with another `on_threshold`; `off_threshold` is lowered to it where it is higher."""
        return dataclasses.replace(self, on_threshold=threshold, off_threshold=min(threshold, self.off_threshold))


def read_settings(path, from_dict):
    """The settings in a JSON file, converted by `from_dict`; errors name the file."""
    try:
        return from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} does not contain event settings: {error}") from error


def window_lengths(window_seconds):
    """The lengths of windows, a number or several, as a sorted tuple of floats."""
    lengths = tuple(map(float, np.ravel(window_seconds)))
    if not lengths or not all(0 < length < math.inf for length in lengths):
        raise ValueError(
            f"`window_seconds` must be positive numbers of seconds, at least one. Received: {window_seconds}"
        )
    return tuple(sorted(set(lengths)))

"""The settings of the event detectors, and their file. Standard library only."""

import dataclasses
import json
import math
from pathlib import Path

from keras_action.utils.files import write_whole
from keras_action.utils.intervals import IGNORED_LABELS

FIRINGS = ("late", "early")
SMOOTHINGS = ("mean", "exponential")

_SECONDS = ("smoothing", "min_duration", "merge_gap", "refractory")


@dataclasses.dataclass(frozen=True)
class EventSettings:
    """How probabilities over time become events. Times are in seconds, never in frames.

    `EventDetector` looks at one row of probabilities over time; for windows of
    several lengths there is `WindowDetector`. Some fields are of one of them only.

    Args:
        smoothing: Over how long the probabilities are smoothed; 0 turns it off.
        smoothing_kind: `"mean"` of the last `smoothing` seconds, or `"exponential"`
            with `smoothing` as its time constant.
        on_threshold: The smoothed probability at which a gesture begins.
        off_threshold: The smoothed probability under which it ends. Of
            `EventDetector` only, as are `min_duration` and `merge_gap`.
        margin: By how much the probability must be above that of the second
            class for a gesture to begin.
        min_duration: Shorter gestures are dropped. With early firing, how long
            a gesture must have gone on to be certain.
        merge_gap: The same label again within so long is still the same gesture.
        refractory: The pause after a gesture in which no other can begin. Of
            `WindowDetector`, how far the centres of windows of one label may be apart
            for one gesture.
        wait: How long a window with a gesture waits, from its end, for a surer one that
            overlaps it; `None` for the difference between the longest window and the
            shortest, plus `smoothing`: so long after its first part a gesture that fills
            the longest window is over. Of `WindowDetector` only, as is `max_overlap`.
        max_overlap: The share of the shorter of two windows that may be in both if
            each shows a gesture of its own.
        firing: `"late"`, when the gesture has ended and `merge_gap` or `wait` has
            passed, or `"early"`, as soon as it is certain.
        ignore: The labels that mean nothing and never become an event, whatever
            their case. Those of the default need not be among the classes.
        window_seconds: The lengths of the recogniser's windows that these
            settings were found with; `None` for one of the model's clips.
        stride: The seconds from one window to the next that they were found
            with; `None` for the recogniser's default.

    Raises:
        ValueError: If a field is out of its range.

    Example:

    >>> settings = EventSettings.for_clips(2.4, firing="early")
    >>> settings.save("events.json")
    >>> EventSettings.load("events.json") == settings
    True
    """

    smoothing: float = 0.3
    smoothing_kind: str = "mean"
    on_threshold: float = 0.7
    off_threshold: float = 0.5
    margin: float = 0.0
    min_duration: float = 0.3
    merge_gap: float = 0.3
    refractory: float = 0.3
    wait: float | None = None
    max_overlap: float = 0.3
    firing: str = "late"
    ignore: tuple[str, ...] = IGNORED_LABELS
    window_seconds: tuple[float, ...] | None = None
    stride: float | None = None

    def __post_init__(self):
        ignore = (self.ignore,) if isinstance(self.ignore, str) else tuple(self.ignore)
        object.__setattr__(self, "ignore", ignore)
        for name in (*_SECONDS, "on_threshold", "off_threshold", "margin", "max_overlap"):
            object.__setattr__(self, name, _number(name, getattr(self, name)))
        for name in _SECONDS:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"`{name}` must be 0 or more seconds. Received: {name}={getattr(self, name)}")
        if not 0 <= self.off_threshold <= self.on_threshold <= 1:
            raise ValueError(
                "Thresholds must be probabilities, the off threshold at most the on threshold. "
                f"Received: on_threshold={self.on_threshold}, off_threshold={self.off_threshold}"
            )
        for name in ("margin", "max_overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` must be from 0 to 1. Received: {name}={getattr(self, name)}")
        for name, choices in (("smoothing_kind", SMOOTHINGS), ("firing", FIRINGS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"`{name}` must be one of {choices}. Received: {name}={getattr(self, name)!r}")
        if self.window_seconds is not None:
            object.__setattr__(self, "window_seconds", check_lengths(self.window_seconds))
        if self.wait is not None:
            object.__setattr__(self, "wait", _number("wait", self.wait))
            if not 0 <= self.wait < math.inf:
                raise ValueError(f"`wait` must be 0 or more seconds, or None. Received: wait={self.wait}")
        if self.stride is not None and not 0 < _number("stride", self.stride) < math.inf:
            raise ValueError(f"`stride` must be a positive number of seconds. Received: stride={self.stride}")

    @classmethod
    def for_clips(cls, clip_seconds, **changes):
        """Settings for the logits of windows that are as long as the clips a model was trained on.

        A true gesture stays recognisable while the window moves over most of it;
        what only resembles one, as a hand that comes into view, does so in a few
        places. So the times go with the window's length: 3/8 of it for
        `smoothing`, 9/20 for `min_duration`.

        Args:
            clip_seconds: The length of the window.
            **changes: More fields, which go before these.
        """
        return cls(**{"smoothing": 0.375 * clip_seconds, "min_duration": 0.45 * clip_seconds, **changes})

    @classmethod
    def for_windows(cls, window_seconds, **changes):
        """Settings for windows of several lengths, which become `window_seconds`.

        The shortest window says how long probabilities may be smoothed, for half of it.
        A window shows a gesture where that is more probable than all else, 0.5.

        Args:
            window_seconds: The lengths of the windows.
            **changes: More fields, which go before these.
        """
        lengths = check_lengths(window_seconds)
        threshold = changes.get("on_threshold", 0.5)
        fields = {"on_threshold": threshold, "off_threshold": threshold, "window_seconds": lengths}
        return cls(**{"smoothing": 0.5 * lengths[0], **fields, **changes})

    @classmethod
    def from_dict(cls, values):
        """The settings of a dictionary as `to_dict` gives it; a field that it lacks has its default."""
        if not isinstance(values, dict):
            raise ValueError(f"Event settings are names and values. Received: {values!r}")
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"There are no such event settings: {unknown}. Received: {values}")
        return cls(**values)

    def to_dict(self):
        """The fields as plain values, for JSON."""
        values = dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def load(cls, path):
        """The settings in a JSON file that `save` wrote.

        Raises:
            OSError: If it can't be read.
            ValueError: If it holds something else; the message names the file.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path} is no file of event settings: {error}") from error

    def save(self, path):
        """Write the settings as JSON, whole or not at all."""
        return write_whole(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")


def check_lengths(window_seconds):
    """The lengths of windows as a tuple, from a number or several; a `ValueError` if one is no length."""
    try:
        lengths = tuple(float(length) for length in window_seconds)
    except TypeError:
        lengths = (_number("window_seconds", window_seconds),)
    if not lengths or not all(0 < length < math.inf for length in lengths):
        raise ValueError(
            f"`window_seconds` must be positive numbers of seconds, at least one. Received: {window_seconds}"
        )
    return tuple(sorted(set(lengths)))


def _number(name, value):
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ValueError(f"`{name}` must be a number. Received: {name}={value!r}")
    return float(value)

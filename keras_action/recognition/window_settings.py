"""Settings of the detector for windows of several lengths. NumPy only."""

import dataclasses

from keras_action.recognition.settings import SECONDS, DetectorSettings, window_lengths
from keras_action.utils.fields import SHARE, check_ranges


@dataclasses.dataclass(frozen=True)
class WindowEventSettings(DetectorSettings):
    """Settings of `WindowDetector`, for windows of several lengths.

    Args:
        wait: Time from the end of a window to its report, in which an overlapping
            window with a higher score replaces it. `None` for the difference between
            the longest and the shortest window plus `smoothing`: after this time a
            gesture that fills the longest window has ended.
        max_overlap: Fraction of the shorter of two windows that both may share
            if each shows another gesture.
        **fields: The fields of `DetectorSettings`.

    Raises:
        ValueError: If a field is out of range.

    Example:

    >>> settings = WindowEventSettings.for_windows((1.7, 3.4), wait=1.0)
    >>> settings.save("events.json")
    >>> load_settings("events.json") == settings
    True
    """

    wait: float | None = None
    max_overlap: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        check_ranges(self, {"wait": SECONDS, "max_overlap": SHARE})

    @classmethod
    def for_windows(cls, window_seconds, **changes):
        """Settings for windows of these lengths, which become `window_seconds`.

        Probabilities are smoothed over half the shortest window. A window is a candidate if a gesture is more probable
        than everything else, 0.5.

        Args:
            window_seconds: Lengths of the windows, in seconds.
            **changes: Other fields, which override these.
        """
        lengths = window_lengths(window_seconds)
        fields = {"smoothing": 0.5 * lengths[0], "on_threshold": 0.5, "window_seconds": lengths}
        return cls(**{**fields, **changes})

    def default_wait(self, lengths):
        """The value of `wait=None` for windows of these lengths, in seconds."""
        return max(lengths) - min(lengths) + self.smoothing

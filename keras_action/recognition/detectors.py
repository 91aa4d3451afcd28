"""Event detectors by the type of their settings."""

from keras_action.recognition.event_detector import EventDetector
from keras_action.recognition.settings import EventSettings, read_settings
from keras_action.recognition.window_detector import WindowDetector
from keras_action.recognition.window_settings import WindowEventSettings

_DETECTORS = {EventSettings: EventDetector, WindowEventSettings: WindowDetector}
_WINDOW_FIELDS = {"wait", "max_overlap"}


def has_several_lengths(window_seconds):
    """Whether windows have several lengths; `None` is for a streaming model, which has no windows."""
    return len(window_seconds or ()) > 1


def default_settings(clip_seconds, stride, window_seconds=None, return_sequences=False):
    """The default settings for a model.

    Args:
        clip_seconds: Length of its clips, in seconds.
        stride: Time step of a streaming model, in seconds.
        window_seconds: Lengths of the windows, or `None` for a streaming model.
        return_sequences: Whether it is a streaming model that was trained with `return_sequences`.
    """
    if return_sequences:
        return EventSettings.for_steps(stride)
    if has_several_lengths(window_seconds):
        return WindowEventSettings.for_windows(window_seconds)
    return EventSettings.for_clips(clip_seconds)


def make_detector(labels, settings, window_seconds):
    """The detector for these settings and windows of these lengths.

    Args:
        labels: Names of the classes.
        settings: An `EventSettings` or a `WindowEventSettings`.
        window_seconds: Lengths of the windows, or `None` for a streaming model.

    Returns:
        An `EventDetector` or a `WindowDetector`.

    Raises:
        ValueError: If the settings do not fit the labels or the windows.
    """
    if type(settings) not in _DETECTORS:
        raise ValueError(f"`settings` must be `EventSettings` or `WindowEventSettings`. Received: settings={settings}")
    if isinstance(settings, EventSettings) and has_several_lengths(window_seconds):
        raise ValueError(
            "Windows of several lengths need `WindowEventSettings`. "
            f"Received: window_seconds={window_seconds}, settings={settings}"
        )
    if isinstance(settings, WindowEventSettings) and window_seconds is None:
        raise ValueError(f"A streaming model needs `EventSettings`. Received: settings={settings}")
    return _DETECTORS[type(settings)](labels, settings)


def settings_from_dict(values):
    """The settings in a dictionary of `to_dict`: an `EventSettings` or a `WindowEventSettings`, by its fields."""
    if isinstance(values, dict):
        lengths = values.get("window_seconds")
        if _WINDOW_FIELDS & set(values) or (isinstance(lengths, (list, tuple)) and len(lengths) > 1):
            return WindowEventSettings.from_dict(values)
    return EventSettings.from_dict(values)


def load_settings(path):
    """Loads event settings from a JSON file.

    Args:
        path: Path of a file that `EventSettings.save` or `WindowEventSettings.save` wrote.

    Returns:
        An `EventSettings` or a `WindowEventSettings`, by the fields of the file.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it does not contain event settings; the message names the file.
    """
    return read_settings(path, settings_from_dict)

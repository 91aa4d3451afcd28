"""Finding the settings of an event detector on streams whose truth is known."""

import dataclasses

import numpy as np

from keras_action.recognition.matching import match_events
from keras_action.recognition.measures import StreamReport
from keras_action.recognition.window_events import default_wait

# Seconds are in shares of a clip's length: what is long for a model of short clips is short for one of long ones.
_SHARES_OF_A_CLIP = {
    "smoothing": (0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0),
    "min_duration": (0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8),
    "merge_gap": (0, 0.125, 0.25, 0.5, 0.75, 1.0),
    "refractory": (0, 0.125, 0.25, 0.5, 0.75, 1.0),
    "wait": (0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5),
}
_OVERLAPS = (0, 0.15, 0.3, 0.5)
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_MARGINS = (0, 0.1, 0.2, 0.3, 0.4, 0.6)
_OFF_SHARES = (0.3, 0.5, 0.7, 0.85, 1.0)  # of the on threshold
_BAND = 0.05  # around the on threshold
_ROUNDS = 4


def evaluate_streams(streams, settings):
    """What a detector with these settings finds in streams.

    Args:
        streams: Pairs of a `LogitSequence` and its truth, a list of `Interval`.
        settings: An `EventSettings`.

    Returns:
        A `StreamReport`.
    """
    matches = tuple(match_events(track.events(settings), truth, settings.ignore) for track, truth in streams)
    return StreamReport(matches, tuple(track.duration for track, _ in streams))


def score(report, max_false_alarms=1.0):
    """How good a report is: the detection rate, less what breaks the limits.

    Each false alarm a minute above the limit costs half the gestures, each double
    firing two gestures. False alarms below the limit cost little: they decide
    between settings that find the same.
    """
    rate = report.false_alarms_per_minute
    doubles = report.doubles / max(report.gestures, 1)
    return report.detection_rate - 0.5 * max(rate - max_false_alarms, 0) - 2 * doubles - 0.02 * rate


def tune_events(streams, settings, clip_seconds, max_false_alarms=1.0):
    """Find settings that detect many gestures at few false alarms, by a search along one field after the other.

    Few gestures are soon fitted too well: settings just short of a flood of false alarms on these streams are in the
    middle of it on others. So what counts is not the score of settings, but its mean (one, two and one parts) with the
    on threshold 0.05 lower and 0.05 higher, and on each line the same mean with the values beside it. And a field moves
    no further than it must to come within half a gesture of the best value, so that one that does not matter stays.
    Of windows of several lengths the fields of `WindowDetector` are searched, else those of `EventDetector`.

    Args:
        streams: Pairs of a `LogitSequence` and its truth. Streams of training clips flatter a
            model that knows these by heart: take others where there are some.
        settings: The `EventSettings` to start from; `firing`, `ignore` and all that is not searched stay.
        clip_seconds: The length of the model's clips: seconds are searched in shares of it.
        max_false_alarms: The false alarms a minute that are allowed.

    Returns:
        An `EventSettings`.

    Raises:
        ValueError: If there is no stream, or no gesture in any.

    Example:

    >>> streams = [(record_logits(recognizer, iter_frames(path)), read_intervals(f"{path}.csv")) for path in paths]
    >>> settings = tune_events(streams, recognizer.settings, recognizer.clip_seconds)
    >>> settings.save("events.json")
    """
    if not sum(len(truth) for _, truth in streams):
        raise ValueError(f"There must be streams with gestures. Received: {len(streams)} streams with none")
    known = {}

    def score_of(candidate):
        if candidate not in known:
            known[candidate] = score(evaluate_streams(streams, candidate), max_false_alarms)
        return known[candidate]

    def value_of(candidate):
        on = candidate.on_threshold
        lower, higher = (with_on_threshold(candidate, min(max(on + step, 0.01), 1)) for step in (-_BAND, _BAND))
        return (score_of(lower) + 2 * score_of(candidate) + score_of(higher)) / 4

    has_lengths = any(track.has_lengths for track, _ in streams)
    if has_lengths and settings.wait is None:
        lengths = {length for track, _ in streams for length in track.window_seconds}
        settings = dataclasses.replace(settings, wait=default_wait(lengths, settings.smoothing))
    worth = 0.5 / sum(len(truth) for _, truth in streams)
    for _ in range(_ROUNDS):
        before = settings
        for line in _lines(clip_seconds, has_lengths):
            settings = _best_on_line(line(settings), settings, value_of, worth)
        if settings == before:
            break
    return settings


def cross_validate(streams, settings, clip_seconds, max_false_alarms=1.0):
    """What settings find that were tuned on the other streams: an honest estimate for streams of their kind.

    Each stream is left out once. Where no other has a gesture, it is judged by the settings to start from. Arguments as
    of `tune_events`, with at least two streams.

    Returns:
        A `StreamReport` over all streams.
    """
    if len(streams) < 2:
        raise ValueError(f"There must be at least two streams. Received: {len(streams)}")
    reports = []
    for place, stream in enumerate(streams):
        others = [*streams[:place], *streams[place + 1 :]]
        tuned = settings
        if any(truth for _, truth in others):
            tuned = tune_events(others, settings, clip_seconds, max_false_alarms)
        reports.append(evaluate_streams([stream], tuned))
    return StreamReport(
        tuple(match for report in reports for match in report.matches),
        tuple(seconds for report in reports for seconds in report.durations),
    )


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """What is found at one on threshold."""

    on_threshold: float
    detection_rate: float
    false_alarms_per_minute: float
    doubles: int


def operating_curve(streams, settings, thresholds=None):
    """Detections against false alarms over the on threshold; the off threshold keeps its share of it.

    Args:
        streams: Pairs of a `LogitSequence` and its truth.
        settings: An `EventSettings`.
        thresholds: On thresholds; `None` for 0.05 to 0.99, and that of the settings.

    Returns:
        A list of `OperatingPoint`, by threshold. `keras_action.plots.operating_curve_figure` draws it.
    """
    if thresholds is None:
        thresholds = {*np.linspace(0.05, 0.95, 19).round(2).tolist(), 0.97, 0.99, settings.on_threshold}
    points = []
    for threshold in sorted(thresholds):
        report = evaluate_streams(streams, with_on_threshold(settings, threshold))
        points.append(
            OperatingPoint(float(threshold), report.detection_rate, report.false_alarms_per_minute, report.doubles)
        )
    return points


def with_on_threshold(settings, threshold):
    """The settings with another on threshold; the off threshold keeps its share of it."""
    if threshold == settings.on_threshold:
        return settings  # as it is, not rounded
    off_share = settings.off_threshold / settings.on_threshold if settings.on_threshold else 1.0
    threshold = float(threshold)
    return dataclasses.replace(settings, on_threshold=threshold, off_threshold=min(off_share * threshold, threshold))


def _lines(clip_seconds, has_lengths):
    """Functions from settings to the candidates along one field, in the field's order."""

    def along(name, values):
        return lambda settings: [
            dataclasses.replace(settings, **{name: value}) for value in sorted({*values, getattr(settings, name)})
        ]

    def along_on(settings):
        return [with_on_threshold(settings, value) for value in sorted({*_THRESHOLDS, settings.on_threshold})]

    def along_off(settings):
        values = sorted({*(share * settings.on_threshold for share in _OFF_SHARES), settings.off_threshold})
        return [dataclasses.replace(settings, off_threshold=value) for value in values]

    seconds = {
        name: tuple(round(share * clip_seconds, 3) for share in shares) for name, shares in _SHARES_OF_A_CLIP.items()
    }
    values = {**seconds, "margin": _MARGINS, "max_overlap": _OVERLAPS}
    if has_lengths:
        names, last = ("wait", "smoothing", "margin", "refractory", "max_overlap"), []
    else:
        names, last = ("min_duration", "smoothing", "margin", "merge_gap", "refractory"), [along_off]
    return [along_on, *(along(name, values[name]) for name in names), *last]


def _best_on_line(candidates, current, value_of, worth):
    scores = np.array([value_of(candidate) for candidate in candidates])
    padded = np.pad(scores, 1, mode="edge")
    averages = (padded[:-2] + 2 * scores + padded[2:]) / 4
    here = candidates.index(current)
    good = np.flatnonzero(averages >= averages.max() - worth)
    return candidates[good[np.argmin(abs(good - here))]]

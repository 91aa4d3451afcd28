"""Tuning of an event detector on streams with ground truth."""

import dataclasses

import numpy as np

from keras_action.recognition.matching import match_events
from keras_action.recognition.measures import StreamReport
from keras_action.recognition.settings import EventSettings

# Multiples of a clip's length: a time that is long for short clips is short for long ones.
_MULTIPLES_OF_CLIP = {
    "min_duration": (0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8),
    "wait": (0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5),
    "smoothing": (0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0),
    "merge_gap": (0, 0.125, 0.25, 0.5, 0.75, 1.0),
    "refractory": (0, 0.125, 0.25, 0.5, 0.75, 1.0),
}
_VALUES = {"margin": (0, 0.1, 0.2, 0.3, 0.4, 0.6), "max_overlap": (0, 0.15, 0.3, 0.5)}
# The order in which the fields are searched; each detector has some of them.
_FIELDS = ("min_duration", "wait", "smoothing", "margin", "merge_gap", "refractory", "max_overlap")
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_OFF_RATIOS = (0.3, 0.5, 0.7, 0.85, 1.0)  # of `off_threshold` to `on_threshold`
_STEP = 0.05  # of `on_threshold`, over which scores are averaged
_ROUNDS = 4


def evaluate_streams(streams, settings, match=match_events):
    """Evaluates a detector with these settings on streams.

    Args:
        streams: Pairs of a `LogitSequence` and its ground truth, a list of `Interval`.
        settings: An `EventSettings` or a `WindowEventSettings`.
        match: Function from events, gestures and ignored labels to a `MatchReport`:
            `match_events`, or `match_at_end` to count reports in time only.

    Returns:
        A `StreamReport`.

    Example:

    >>> streams = [(record_logits(recognizer, iter_frames(path)), read_intervals(f"{path}.csv")) for path in paths]
    >>> within_half_a_second = functools.partial(match_at_end, max_delay=0.5)
    >>> print(evaluate_streams(streams, recognizer.settings, match=within_half_a_second))
    """
    matches = tuple(match(sequence.events(settings), truth, settings.ignore) for sequence, truth in streams)
    return StreamReport(matches, tuple(sequence.duration for sequence, _ in streams))


def score(report, max_false_alarms=1.0):
    """The objective of tuning: the detection rate, minus penalties.

    Each false alarm per minute above the limit costs half the gestures, each duplicate two gestures. False alarms
    below the limit have a small cost, which decides between settings that detect the same gestures.
    """
    rate = report.false_alarms_per_minute
    duplicates = report.duplicates / max(report.gestures, 1)
    return report.detection_rate - 0.5 * max(rate - max_false_alarms, 0) - 2 * duplicates - 0.02 * rate


def tune_events(streams, settings, clip_seconds, max_false_alarms=1.0, match=match_events):
    """Tunes settings for a high detection rate at few false alarms, by coordinate search: one field after the other.

    A search overfits a small number of gestures: the best settings on these streams are often next to settings with
    many false alarms. So scores are averaged, with weights 1, 2 and 1, with those at an `on_threshold` 0.05 lower and
    0.05 higher, and in the same way with those of the next values of a field. A field changes only as far as needed to
    be within half a gesture of the best score, so that a field without effect keeps its value. If the initial settings
    detect nothing, for example because they report too late for `match_at_end`, the search begins with settings that
    report without delay.

    Args:
        streams: Pairs of a `LogitSequence` and its ground truth, a list of `Interval`. Streams of training clips give
            too optimistic scores.
        settings: The initial `EventSettings`, for windows of several lengths `WindowEventSettings`. `firing`, `ignore`
            and the fields of the windows are kept.
        clip_seconds: Length of the model's clips, in seconds. The times that are tried are multiples of it.
        max_false_alarms: Allowed number of false alarms per minute.
        match: As of `evaluate_streams`.

    Returns:
        Settings of the same type.

    Raises:
        ValueError: If no stream has a gesture.

    Example:

    >>> streams = [(record_logits(recognizer, iter_frames(path)), read_intervals(f"{path}.csv")) for path in paths]
    >>> settings = tune_events(streams, recognizer.settings, recognizer.clip_seconds)
    >>> settings.save("events.json")
    """
    if not sum(len(truth) for _, truth in streams):
        raise ValueError(f"At least one stream must have gestures. Received: {len(streams)} streams without any")
    scores = {}

    def score_of(candidate):
        if candidate not in scores:
            scores[candidate] = score(evaluate_streams(streams, candidate, match), max_false_alarms)
        return scores[candidate]

    def value_of(candidate):
        on = candidate.on_threshold
        lower, higher = (_with_on_threshold(candidate, min(max(on + step, 0.01), 1)) for step in (-_STEP, _STEP))
        return (score_of(lower) + 2 * score_of(candidate) + score_of(higher)) / 4

    if hasattr(settings, "wait") and settings.wait is None:
        lengths = {length for sequence, _ in streams for length in sequence.window_seconds}
        settings = dataclasses.replace(settings, wait=settings.default_wait(lengths))
    if not evaluate_streams(streams, settings, match).detected:
        settings = _without_delay(settings)  # a search among equal scores would keep the initial settings
    tolerance = 0.5 / sum(len(truth) for _, truth in streams)
    for _ in range(_ROUNDS):
        before = settings
        for line in _lines(settings, clip_seconds):
            settings = _best_on_line(line(settings), settings, value_of, tolerance)
        if settings == before:
            break
    return settings


def cross_validate(streams, settings, clip_seconds, max_false_alarms=1.0, match=match_events):
    """Evaluates tuning on streams that were not tuned on, by leaving out one stream at a time.

    Each stream is evaluated with settings tuned on the other ones; with the initial settings if none of these has a
    gesture. Arguments as of `tune_events`, with at least two streams.

    Returns:
        A `StreamReport` over all streams.
    """
    if len(streams) < 2:
        raise ValueError(f"Expected at least two streams. Received: {len(streams)}")
    reports = []
    for place, stream in enumerate(streams):
        others = [*streams[:place], *streams[place + 1 :]]
        tuned = settings
        if any(truth for _, truth in others):
            tuned = tune_events(others, settings, clip_seconds, max_false_alarms, match)
        reports.append(evaluate_streams([stream], tuned, match))
    return StreamReport(
        tuple(match for report in reports for match in report.matches),
        tuple(seconds for report in reports for seconds in report.durations),
    )


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """Measures at one `on_threshold`."""

    on_threshold: float
    detection_rate: float
    false_alarms_per_minute: float
    duplicates: int


def operating_curve(streams, settings, thresholds=None, match=match_events):
    """Detection rate and false alarms as functions of `on_threshold`; `off_threshold` keeps its ratio to it.

    Args:
        streams: Pairs of a `LogitSequence` and its ground truth.
        settings: An `EventSettings` or a `WindowEventSettings`.
        thresholds: Values of `on_threshold`. `None` for 0.05 to 0.99, and that of the settings.
        match: As of `evaluate_streams`.

    Returns:
        A list of `OperatingPoint`, by threshold. `keras_action.plots.operating_curve_figure` draws it.
    """
    if thresholds is None:
        thresholds = {*np.linspace(0.05, 0.95, 19).round(2).tolist(), 0.97, 0.99, settings.on_threshold}
    points = []
    for threshold in sorted(thresholds):
        report = evaluate_streams(streams, _with_on_threshold(settings, threshold), match)
        points.append(
            OperatingPoint(float(threshold), report.detection_rate, report.false_alarms_per_minute, report.duplicates)
        )
    return points


def _with_on_threshold(settings, threshold):
    """The settings with another `on_threshold`; `off_threshold` keeps its ratio to it."""
    if threshold == settings.on_threshold:
        return settings  # not rounded
    changes = {"on_threshold": float(threshold)}
    if isinstance(settings, EventSettings):
        ratio = settings.off_threshold / settings.on_threshold if settings.on_threshold else 1.0
        changes["off_threshold"] = min(ratio * float(threshold), float(threshold))
    return dataclasses.replace(settings, **changes)


def _without_delay(settings):
    """The settings that report a gesture as soon as `firing` allows."""
    names = ("smoothing", "min_duration", "merge_gap", "wait")
    return dataclasses.replace(settings, **{name: 0.0 for name in names if hasattr(settings, name)})


def _lines(settings, clip_seconds):
    """Functions from settings to the candidates along one field, sorted by the field."""

    def along(name, values):
        return lambda settings: [
            dataclasses.replace(settings, **{name: value}) for value in sorted({*values, getattr(settings, name)})
        ]

    def along_on(settings):
        return [_with_on_threshold(settings, value) for value in sorted({*_THRESHOLDS, settings.on_threshold})]

    def along_off(settings):
        values = sorted({*(ratio * settings.on_threshold for ratio in _OFF_RATIOS), settings.off_threshold})
        return [dataclasses.replace(settings, off_threshold=value) for value in values]

    seconds = {
        name: tuple(round(multiple * clip_seconds, 3) for multiple in multiples)
        for name, multiples in _MULTIPLES_OF_CLIP.items()
    }
    values = {**seconds, **_VALUES}
    lines = [along_on, *(along(name, values[name]) for name in _FIELDS if hasattr(settings, name))]
    return [*lines, along_off] if isinstance(settings, EventSettings) else lines


def _best_on_line(candidates, current, value_of, tolerance):
    """The candidate next to the current one whose value is within the tolerance of the best."""
    scores = np.array([value_of(candidate) for candidate in candidates])
    padded = np.pad(scores, 1, mode="edge")
    averages = (padded[:-2] + 2 * scores + padded[2:]) / 4
    good = np.flatnonzero(averages >= averages.max() - tolerance)
    return candidates[good[np.argmin(abs(good - candidates.index(current)))]]

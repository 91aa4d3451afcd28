"""Matching of detected events with the gestures of the ground truth."""

import math

from keras_action.recognition.match_report import MatchReport
from keras_action.utils.intervals import IGNORED_LABELS, Interval, is_ignored


def match_events(events, truth, ignore=IGNORED_LABELS):
    """Matches events with true gestures, one to one, by label and overlap in time.

    An event and a gesture can be matched if they have the same label and overlap.
    Pairs are matched in the order of their overlap, the longest first. Further
    events on a detected gesture, with its label, are duplicates. All other events
    are false alarms, whether or not they overlap a gesture of another label. The
    time at which an event was reported does not count; see `match_at_end`.

    Args:
        events: The detected events, a list of `GestureEvent`.
        truth: The true gestures: a list of `Interval`, of objects with `label`,
            `start` and `end`, or of such tuples.
        ignore: Labels of `truth` that are not gestures, regardless of case.

    Returns:
        A `MatchReport`.

    Example:

    >>> report = match_events(events, read_intervals("stream.mp4.csv"))
    >>> print(report.summary())
    9 of 10 gestures detected, 1 missed, 0 false alarms
    """
    events = sorted(events, key=lambda event: event.start)
    gestures = _gestures(truth, ignore)
    pairs = [
        (min(event.end, gesture.end) - max(event.start, gesture.start), i, j)
        for i, gesture in enumerate(gestures)
        for j, event in enumerate(events)
        if event.label == gesture.label
    ]
    pairs = [pair for pair in pairs if pair[0] > 0]
    matched = {}  # gesture → event
    for _, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if i not in matched and j not in matched.values():
            matched[i] = j
    return _report(events, gestures, matched, {j for _, _, j in pairs})


def match_at_end(events, truth, ignore=IGNORED_LABELS, *, min_fraction=0.3, max_delay=1.0):
    """Matches events with true gestures, one to one, by label and the time at which the event was reported.

    A gesture is detected if an event of its label is reported between
    `min_fraction` of the gesture and `max_delay` seconds after its end. Further
    such events are duplicates, all other events false alarms. The start and end of
    an event do not count. This is the measure for control by gestures, where only
    the report has an effect.

    An event that can detect several gestures detects the one that ends first, so
    that as many gestures as possible are detected.

    Args:
        events: The detected events, a list of `GestureEvent`.
        truth: The true gestures, as of `match_events`.
        ignore: Labels of `truth` that are not gestures, regardless of case.
        min_fraction: Fraction of a gesture that must have passed, from 0 to 1.
        max_delay: Time after the end of a gesture, in seconds.

    Returns:
        A `MatchReport`.

    Example:

    >>> report = match_at_end(events, read_intervals("stream.mp4.csv"), max_delay=0.5)
    >>> print(report.summary())
    9 of 10 gestures detected, 1 missed, 0 false alarms
    """
    if not 0 <= min_fraction <= 1 or not 0 <= max_delay < math.inf:
        raise ValueError(
            "`min_fraction` must be from 0 to 1, and `max_delay` 0 or more seconds. "
            f"Received: min_fraction={min_fraction}, max_delay={max_delay}"
        )
    events = sorted(events, key=lambda event: event.fired)
    gestures = _gestures(truth, ignore)
    matched, possible = {}, set()
    for j, event in enumerate(events):
        candidates = [
            i
            for i, gesture in enumerate(gestures)
            if gesture.label == event.label
            and gesture.start + min_fraction * (gesture.end - gesture.start) <= event.fired <= gesture.end + max_delay
        ]
        if candidates:
            possible.add(j)
        open_gestures = [i for i in candidates if i not in matched]
        if open_gestures:
            matched[min(open_gestures, key=lambda i: gestures[i].end)] = j
    return _report(events, gestures, matched, possible)


# Matching functions by the names of `--matching`.
MATCHINGS = {"overlap": match_events, "end": match_at_end}


def _report(events, gestures, matched, possible):
    """The report of a matching.

    Args:
        events: List of events.
        gestures: List of true gestures.
        matched: Dict from the index of a gesture to that of its event.
        possible: Indices of the events that could detect a gesture.
    """
    used = set(matched.values())
    return MatchReport(
        detected=tuple((gesture, events[matched[i]]) for i, gesture in enumerate(gestures) if i in matched),
        missed=tuple(gesture for i, gesture in enumerate(gestures) if i not in matched),
        false_alarms=tuple(event for j, event in enumerate(events) if j not in used | possible),
        duplicates=tuple(events[j] for j in sorted(possible - used)),
    )


def _gestures(truth, ignore):
    """The true gestures without ignored labels, in order of time."""
    gestures = (_interval(item) for item in truth)
    return sorted((item for item in gestures if not is_ignored(item.label, ignore)), key=lambda item: item.start)


def _interval(item):
    if isinstance(item, tuple) and not hasattr(item, "label"):
        return Interval(*item)
    return Interval(item.label, item.start, item.end)

"""Matching of detected events with the gestures of the ground truth."""

import dataclasses
import math

from keras_action.utils.intervals import IGNORED_LABELS, Interval, is_ignored


@dataclasses.dataclass(frozen=True)
class MatchReport:
    """The events of a stream, compared with its ground truth.

    Args:
        detected: Pairs `(gesture, event)` of a true gesture and its event, in order of time.
        missed: True gestures without an event.
        false_alarms: Events without a true gesture.
        duplicates: Further events on a gesture that has been detected.
    """

    detected: tuple
    missed: tuple
    false_alarms: tuple
    duplicates: tuple = ()

    @property
    def detection_rate(self):
        """Fraction of the true gestures that were detected (recall); NaN if there are none."""
        return fraction(len(self.detected), len(self.detected) + len(self.missed))

    @property
    def precision(self):
        """Fraction of the events that detected a gesture, duplicates not included; NaN if there are none."""
        return fraction(len(self.detected), len(self.detected) + len(self.false_alarms) + len(self.duplicates))

    @property
    def truth(self):
        """All true gestures, in order of time."""
        return tuple(sorted([gesture for gesture, _ in self.detected] + list(self.missed), key=lambda item: item.start))

    @property
    def events(self):
        """All events, in order of time."""
        events = [event for _, event in self.detected] + list(self.false_alarms) + list(self.duplicates)
        return tuple(sorted(events, key=lambda item: item.start))

    def summary(self):
        """The counts, in one line."""
        text = (
            f"{len(self.detected)} of {len(self.truth)} gestures detected, {len(self.missed)} missed, "
            f"{_count(self.false_alarms, 'false alarm')}"
        )
        return f"{text}, {_count(self.duplicates, 'duplicate')}" if self.duplicates else text

    def table(self):
        """One line for each gesture and each unmatched event, in order of time, and the counts."""
        rows = [(gesture.start, gesture, event, "detected") for gesture, event in self.detected]
        rows += [(gesture.start, gesture, None, "missed") for gesture in self.missed]
        rows += [(event.start, None, event, "false alarm") for event in self.false_alarms]
        rows += [(event.start, None, event, "duplicate") for event in self.duplicates]
        rows.sort(key=lambda row: row[0])
        lines = [f"{'ground truth':<18}{'seconds':>15}   {'event':<18}{'seconds':>15} {'score':>6}  result"]
        for _, gesture, event, result in rows:
            score = f"{event.score:.2f}" if hasattr(event, "score") else ""
            lines.append(
                f"{gesture.label if gesture else '–':<18}{_span(gesture):>15}   "
                f"{event.label if event else '–':<18}{_span(event):>15} {score:>6}  {result}"
            )
        return "\n".join([*lines, self.summary()])

    def to_dict(self):
        """The report as a dictionary of plain values, for JSON."""
        return {
            "detected": [
                {"label": gesture.label, "truth": [gesture.start, gesture.end], "event": event.to_dict()}
                for gesture, event in self.detected
            ],
            "missed": [dataclasses.asdict(gesture) for gesture in self.missed],
            "false_alarms": [event.to_dict() for event in self.false_alarms],
            "duplicates": [event.to_dict() for event in self.duplicates],
        }

    def __str__(self):
        return self.table()


def match_events(events, truth, ignore=IGNORED_LABELS):
    """Matches events with true gestures, one to one, by label and overlap in time.

    An event and a gesture can be matched if they have the same label and overlap.
    Pairs are matched in the order of their overlap, the longest first. Further
    events on a detected gesture, with its label, are duplicates. All other events
    are false alarms, whether or not they overlap a gesture of another label.

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
    gestures = sorted((_interval(item) for item in truth), key=lambda gesture: gesture.start)
    gestures = [gesture for gesture in gestures if not is_ignored(gesture.label, ignore)]
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
    used = set(matched.values())
    duplicates = {j for _, _, j in pairs} - used
    return MatchReport(
        detected=tuple((gesture, events[matched[i]]) for i, gesture in enumerate(gestures) if i in matched),
        missed=tuple(gesture for i, gesture in enumerate(gestures) if i not in matched),
        false_alarms=tuple(event for j, event in enumerate(events) if j not in used | duplicates),
        duplicates=tuple(events[j] for j in sorted(duplicates)),
    )


def fraction(part, whole):
    """`part / whole`; NaN if `whole` is 0."""
    return part / whole if whole else math.nan


def _interval(item):
    if isinstance(item, tuple) and not hasattr(item, "label"):
        return Interval(*item)
    return Interval(item.label, item.start, item.end)


def _span(item):
    return f"{item.start:.2f} – {item.end:.2f}" if item else ""


def _count(items, noun):
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"

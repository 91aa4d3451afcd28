"""The comparison of detected events with the gestures of the ground truth."""

import dataclasses
import math

import numpy as np

from keras_action.utils.text import counted


@dataclasses.dataclass(frozen=True)
class MatchReport:
    """The events of a stream, compared with its ground truth by `match_events` or `match_at_end`.

    Args:
        detected: Pairs `(gesture, event)` of a true gesture and its event, in order of time.
        missed: True gestures without an event.
        false_alarms: Events without a true gesture.
        duplicates: Further events of a gesture that was detected.
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
        """Fraction of the events that detected a gesture; duplicates count as wrong. NaN if there are no events."""
        return fraction(len(self.detected), len(self.detected) + len(self.false_alarms) + len(self.duplicates))

    @property
    def latencies(self):
        """Seconds from the end of each detected gesture to the report of its event; negative if it fired earlier."""
        return tuple(event.fired - gesture.end for gesture, event in self.detected)

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
            f"{counted(len(self.false_alarms), 'false alarm')}"
        )
        return f"{text}, {counted(len(self.duplicates), 'duplicate')}" if self.duplicates else text

    def __str__(self):
        """One line for each gesture and each unmatched event, in order of time, and the counts."""
        rows = [(gesture.start, gesture, event, "detected") for gesture, event in self.detected]
        rows += [(gesture.start, gesture, None, "missed") for gesture in self.missed]
        rows += [(event.start, None, event, "false alarm") for event in self.false_alarms]
        rows += [(event.start, None, event, "duplicate") for event in self.duplicates]
        rows.sort(key=lambda row: row[0])
        lines = [
            f"{'ground truth':<18}{'seconds':>15}   {'event':<18}{'seconds':>15} {'score':>6} {'fired':>7}  result"
        ]
        for _, gesture, event, result in rows:
            score, fired = (f"{event.score:.2f}", f"{event.fired:.2f}") if event else ("", "")
            lines.append(
                f"{gesture.label if gesture else '–':<18}{_span(gesture):>15}   "
                f"{event.label if event else '–':<18}{_span(event):>15} {score:>6} {fired:>7}  {result}"
            )
        if self.detected:
            lines.append(latency_summary(self.latencies))
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


def latency_percentiles(latencies):
    """The median and the 90th percentile; NaN if there are none."""
    return tuple(map(float, np.percentile(latencies, (50, 90)))) if latencies else (math.nan, math.nan)


def latency_summary(latencies):
    """Median and 90th percentile of the times from the end of gestures to their reports, in one line."""
    median, high = latency_percentiles(latencies)
    return f"latency from the end: median {median:.2f} s, 90th percentile {high:.2f} s"


def fraction(part, whole):
    """`part / whole`; NaN if `whole` is 0."""
    return part / whole if whole else math.nan


def _span(item):
    return f"{item.start:.2f} – {item.end:.2f}" if item else ""

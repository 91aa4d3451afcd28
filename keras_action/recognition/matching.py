"""Compare the events that were found with the gestures that were there."""

import dataclasses
import math

from keras_action.utils.intervals import IGNORED_LABELS, Interval, is_ignored


@dataclasses.dataclass(frozen=True)
class MatchReport:
    """What a recogniser found of what was there.

    Args:
        found: Pairs `(truth, event)`, in order of time.
        missed: The true gestures that no event matched.
        false: The events that matched no true gesture.
        doubles: The events on a true gesture, with its label, that another
            event had found already.
    """

    found: tuple
    missed: tuple
    false: tuple
    doubles: tuple = ()

    @property
    def detection_rate(self):
        """The share of true gestures that were found; NaN if there were none."""
        return share(len(self.found), len(self.found) + len(self.missed))

    @property
    def precision(self):
        """The share of events that were right and the first on their gesture; NaN if there were none."""
        return share(len(self.found), len(self.found) + len(self.false) + len(self.doubles))

    @property
    def truth(self):
        """All true gestures, in order of time."""
        return tuple(sorted([segment for segment, _ in self.found] + list(self.missed), key=lambda item: item.start))

    @property
    def events(self):
        """All events, in order of time."""
        events = [event for _, event in self.found] + list(self.false) + list(self.doubles)
        return tuple(sorted(events, key=lambda item: item.start))

    def summary(self):
        """The counts, in one line."""
        text = (
            f"{len(self.found)} of {len(self.truth)} gestures found, {len(self.missed)} missed, "
            f"{len(self.false)} false event{'' if len(self.false) == 1 else 's'}"
        )
        return f"{text}, {len(self.doubles)} fired twice" if self.doubles else text

    def table(self):
        """One line for each gesture and each other event, in order of time, and the counts."""
        rows = [(truth.start, truth, event, "found") for truth, event in self.found]
        rows += [(truth.start, truth, None, "MISSED") for truth in self.missed]
        rows += [(event.start, None, event, "FALSE") for event in self.false]
        rows += [(event.start, None, event, "TWICE") for event in self.doubles]
        rows.sort(key=lambda row: row[0])
        lines = [f"{'truth':<18}{'seconds':>15}   {'event':<18}{'seconds':>15} {'score':>6}  result"]
        for _, truth, event, result in rows:
            score = f"{event.score:.2f}" if hasattr(event, "score") else ""
            lines.append(
                f"{truth.label if truth else '–':<18}{_span(truth):>15}   "
                f"{event.label if event else '–':<18}{_span(event):>15} {score:>6}  {result}"
            )
        return "\n".join([*lines, self.summary()])

    def to_dict(self):
        """The report as a dictionary of plain values, for JSON."""
        return {
            "found": [
                {"label": truth.label, "truth": [truth.start, truth.end], "event": event.to_dict()}
                for truth, event in self.found
            ],
            "missed": [dataclasses.asdict(truth) for truth in self.missed],
            "false": [event.to_dict() for event in self.false],
            "doubles": [event.to_dict() for event in self.doubles],
        }

    def __str__(self):
        return self.table()


def match_events(events, truth, ignore=IGNORED_LABELS):
    """Match events to true gestures, one to one, by label and by overlap in time.

    An event and a gesture can be a pair if they have one label and overlap.
    Pairs are made from the longest overlap down. A gesture that fires twice
    counts as found once; its other event is a double, not a false one. An event
    of another label is false, be it on a gesture or between two.

    Args:
        events: The events found: a list of `GestureEvent`.
        truth: The gestures that were there: a list of `Interval`, or of
            anything with `label`, `start` and `end`, or of such tuples.
        ignore: Labels of `truth` that are no gestures, whatever their case.

    Returns:
        A `MatchReport`.

    Example:

    >>> report = match_events(events, read_intervals("stream.mp4.csv"))
    >>> print(report.summary())
    9 of 10 gestures found, 1 missed, 0 false events
    """
    events = sorted(events, key=lambda event: event.start)
    truth = sorted((_segment(item) for item in truth), key=lambda segment: segment.start)
    truth = [segment for segment in truth if not is_ignored(segment.label, ignore)]
    pairs = [
        (min(event.end, segment.end) - max(event.start, segment.start), i, j)
        for i, segment in enumerate(truth)
        for j, event in enumerate(events)
        if event.label == segment.label
    ]
    pairs = [pair for pair in pairs if pair[0] > 0]
    partner, taken = {}, set()
    for _, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    doubles = {j for _, _, j in pairs} - taken
    return MatchReport(
        found=tuple((segment, events[partner[i]]) for i, segment in enumerate(truth) if i in partner),
        missed=tuple(segment for i, segment in enumerate(truth) if i not in partner),
        false=tuple(event for j, event in enumerate(events) if j not in taken | doubles),
        doubles=tuple(events[j] for j in sorted(doubles)),
    )


def share(part, whole):
    """The share that `part` is of `whole`; NaN where there is nothing."""
    return part / whole if whole else math.nan


def _segment(item):
    if isinstance(item, tuple) and not hasattr(item, "label"):
        return Interval(*item)
    return Interval(item.label, item.start, item.end)


def _span(item):
    return f"{item.start:.2f} – {item.end:.2f}" if item else ""

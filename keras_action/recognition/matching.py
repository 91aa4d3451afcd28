"""Compare the events that were found with the gestures that were there."""

import csv
import dataclasses
import math
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class GestureSegment:
    """A gesture that was really there: its label, and its start and end in seconds."""

    label: str
    start: float
    end: float


@dataclasses.dataclass(frozen=True)
class MatchReport:
    """What a recogniser found of what was there.

    Args:
        found: Pairs `(truth, event)`, in order of time.
        missed: The true gestures that no event matched.
        false: The events that matched no true gesture.
    """

    found: tuple
    missed: tuple
    false: tuple

    @property
    def detection_rate(self):
        """The share of true gestures that were found; NaN if there were none."""
        return _share(len(self.found), len(self.found) + len(self.missed))

    @property
    def precision(self):
        """The share of events that were right; NaN if there were none."""
        return _share(len(self.found), len(self.found) + len(self.false))

    def summary(self):
        """The counts, in one line."""
        total = len(self.found) + len(self.missed)
        return (
            f"{len(self.found)} of {total} gestures found, {len(self.missed)} missed, "
            f"{len(self.false)} false event{'' if len(self.false) == 1 else 's'}"
        )

    def table(self):
        """One line for each gesture and each false event, in order of time, and the counts."""
        rows = [(truth.start, truth, event, "found") for truth, event in self.found]
        rows += [(truth.start, truth, None, "MISSED") for truth in self.missed]
        rows += [(event.start, None, event, "FALSE") for event in self.false]
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
        }

    def __str__(self):
        return self.table()


def match_events(events, truth, ignore=("none",)):
    """Match events to true gestures, one to one, by label and by overlap in time.

    An event and a gesture can be a pair if they have one label and overlap.
    Pairs are made from the longest overlap down. So a gesture that fires twice
    counts as found once, and its second event is false.

    Args:
        events: The events found: a list of `GestureEvent`.
        truth: The gestures that were there: a list of `GestureSegment`, or of
            anything with `label`, `start` and `end`, or of such tuples.
        ignore: Labels of `truth` that are no gestures.

    Returns:
        A `MatchReport`.

    Example:

    >>> report = match_events(events, read_segments("stream.csv"))
    >>> print(report.summary())
    9 of 10 gestures found, 1 missed, 0 false events
    """
    events = sorted(events, key=lambda event: event.start)
    truth = sorted((_segment(item) for item in truth), key=lambda segment: segment.start)
    truth = [segment for segment in truth if segment.label not in ignore]
    pairs = [
        (min(event.end, segment.end) - max(event.start, segment.start), i, j)
        for i, segment in enumerate(truth)
        for j, event in enumerate(events)
        if event.label == segment.label
    ]
    partner, taken = {}, set()
    for overlap, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if overlap > 0 and i not in partner and j not in taken:
            partner[i] = j
            taken.add(j)
    return MatchReport(
        found=tuple((segment, events[partner[i]]) for i, segment in enumerate(truth) if i in partner),
        missed=tuple(segment for i, segment in enumerate(truth) if i not in partner),
        false=tuple(event for j, event in enumerate(events) if j not in taken),
    )


def read_segments(path):
    """Read true gestures from a CSV with the columns `label,start,end` (seconds).

    Args:
        path: The CSV file.

    Returns:
        A tuple of `GestureSegment`.

    Raises:
        ValueError: If a column is missing or a line can't be read; the message
            names the file and the line.
        OSError: If the file can't be read.
    """
    path = Path(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            columns = reader.fieldnames or []
            missing = [name for name in ("label", "start", "end") if name not in columns]
            if missing:
                raise ValueError(f"{path}: columns {missing} are missing. Received: {columns}")
            return tuple(_read_row(row, f"{path}, line {reader.line_num}") for row in reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is not a CSV file with the columns label,start,end: {error}") from error


def _read_row(row, where):
    label = (row["label"] or "").strip()
    try:
        start, end = float(row["start"]), float(row["end"])
    except (TypeError, ValueError):
        start = end = math.nan
    if not label or not 0 <= start < end < math.inf:
        raise ValueError(
            f"{where}: expected a label and 0 <= start < end in seconds. "
            f"Received: label={row['label']!r}, start={row['start']!r}, end={row['end']!r}"
        )
    return GestureSegment(label, start, end)


def _segment(item):
    if isinstance(item, tuple) and not hasattr(item, "label"):
        return GestureSegment(*item)
    return GestureSegment(item.label, item.start, item.end)


def _span(item):
    return f"{item.start:.2f} – {item.end:.2f}" if item else ""


def _share(part, whole):
    return part / whole if whole else math.nan

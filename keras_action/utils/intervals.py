"""Intervals of gestures in a video, and their CSV file."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from keras_action.utils.files import write_csv
from keras_action.utils.labels import normalize_label

# Names of the class without a gesture in data sets, regardless of case.
IGNORED_LABELS = ("none", "no gesture", "doing other things")

_COLUMNS = ("label", "start", "end")


@dataclass(frozen=True)
class Interval:
    """The interval of a gesture in a video: `label` from `start` to `end`, in seconds."""

    label: str
    start: float
    end: float


def read_intervals(path):
    """Reads the intervals of gestures from a CSV file with the columns `label,start,end` (seconds).

    Args:
        path: The CSV file.

    Returns:
        A tuple of `Interval`, labels in Unicode NFC.

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
            missing = [name for name in _COLUMNS if name not in columns]
            if missing:
                raise ValueError(f"{path}: columns {missing} are missing. Received: {columns}")
            return tuple(_read_row(row, f"{path}, line {reader.line_num}") for row in reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is not a CSV file with the columns label,start,end: {error}") from error


def write_intervals(path, intervals):
    """Writes the CSV file that `read_intervals` reads, times to the millisecond; whole or not at all."""
    rows = ((interval.label, round(interval.start, 3), round(interval.end, 3)) for interval in intervals)
    return write_csv(path, _COLUMNS, rows)


def is_ignored(label, ignore=IGNORED_LABELS):
    """Whether a label is among those to ignore, regardless of case."""
    return label.casefold() in {other.casefold() for other in ignore}


def intervals_path(video):
    """The CSV file of a video: `stream.mp4.csv` beside `stream.mp4`."""
    video = Path(video)
    return video.with_name(f"{video.name}.csv")


def _read_row(row, where):
    label = normalize_label(row["label"] or "")
    try:
        start, end = float(row["start"]), float(row["end"])
    except (TypeError, ValueError):
        start = end = math.nan
    if not label or not 0 <= start < end < math.inf:
        raise ValueError(
            f"{where}: expected a label and 0 <= start < end in seconds. "
            f"Received: label={row['label']!r}, start={row['start']!r}, end={row['end']!r}"
        )
    return Interval(label, start, end)

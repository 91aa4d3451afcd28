"""Measures of events detected in continuous streams, as in the literature."""

import collections
import dataclasses
import math

import numpy as np

from keras_action.recognition.match_report import MatchReport, fraction, latency_percentiles, latency_summary
from keras_action.utils.files import json_number
from keras_action.utils.statistics import bootstrap_intervals
from keras_action.utils.text import counted


@dataclasses.dataclass(frozen=True)
class StreamReport:
    """Measures of the events detected in one or several streams; `str(report)` is a table.

    Args:
        matches: A `MatchReport` for each stream, of `match_events` or `match_at_end`.
        durations: Length of each stream, in seconds.

    **Measures**, over all streams together:

    - `detection_rate`, `precision`: of gestures, of events.
    - `false_alarms_per_minute`: number of events that match no gesture, per minute of
      stream. Duplicates are not included.
    - `duplicates`: number of further events of a gesture that was detected.
    - `levenshtein_accuracy`: 1 − d / n, where d is the Levenshtein distance between
      the labels of the events, in order, and those of the n gestures, summed over
      the streams. It is negative if d is greater than n.
    - `latency_from_start`, `latency_from_end`: mean time, in seconds, from the start
      or end of a detected gesture to its report; from the end it is negative if
      events fire earlier.
    - `latencies`: the latency from the end of each detected gesture; `median_latency`
      and `latency_90th_percentile` are robust against few late reports.
    - `time_to_detect`: normalised time to detect, NTtD, the mean of
      (fired − start) / (end − start); above 1 after the end of the gesture.
    - `early_rate`: fraction of detected gestures that fired before their end.

    Times are those of the stream; the run time of the model comes on top.

    Example:

    >>> report = StreamReport((match_events(events, truth),), (120.0,))
    >>> print(f"{report.detection_rate:.0%} at {report.false_alarms_per_minute:.1f} false alarms per minute")
    90% at 0.5 false alarms per minute

    References:

    - False alarms, NTtD: [Molchanov et al., 2016](https://doi.org/10.1109/CVPR.2016.456)
    - Levenshtein accuracy, early detection: [Köpüklü et al., 2019](https://arxiv.org/abs/1901.10323);
      on IPN Hand: [Benitez-Garcia et al., 2020](https://arxiv.org/abs/2005.02134)
    """

    matches: tuple[MatchReport, ...]
    durations: tuple[float, ...]

    def __post_init__(self):
        if len(self.matches) != len(self.durations) or not self.matches or min(self.durations) <= 0:
            raise ValueError(
                "Expected a `MatchReport` and a positive duration for each stream, and at least one stream. "
                f"Received: {len(self.matches)} matches, durations={self.durations}"
            )

    @property
    def detected(self):
        """Number of gestures that were detected."""
        return sum(len(match.detected) for match in self.matches)

    @property
    def gestures(self):
        """Number of true gestures."""
        return self.detected + sum(len(match.missed) for match in self.matches)

    @property
    def false_alarms(self):
        """Number of events without a gesture."""
        return sum(len(match.false_alarms) for match in self.matches)

    @property
    def duplicates(self):
        """Number of further events of detected gestures."""
        return sum(len(match.duplicates) for match in self.matches)

    @property
    def detection_rate(self):
        return fraction(self.detected, self.gestures)

    @property
    def detection_interval(self):
        """The 95 % confidence interval of the detection rate, by bootstrap over gestures; `None` if there are none."""
        if not self.gestures:
            return None
        kinds = np.repeat([1, 0], [self.detected, self.gestures - self.detected])
        if self.detected in (0, self.gestures):  # all resamples are equal
            return (self.detection_rate, self.detection_rate)
        [interval] = bootstrap_intervals(lambda counts: counts[:, 1:] / counts.sum(axis=1, keepdims=True), kinds)
        return tuple(interval)

    @property
    def precision(self):
        return fraction(self.detected, self.detected + self.false_alarms + self.duplicates)

    @property
    def false_alarms_per_minute(self):
        return 60 * self.false_alarms / sum(self.durations)

    @property
    def levenshtein_accuracy(self):
        distance = sum(
            levenshtein_distance([item.label for item in match.truth], [item.label for item in match.events])
            for match in self.matches
        )
        return 1 - distance / self.gestures if self.gestures else math.nan

    @property
    def latency_from_start(self):
        return self._mean(lambda truth, event: event.fired - truth.start)

    @property
    def latency_from_end(self):
        return float(np.mean(self.latencies)) if self.latencies else math.nan

    @property
    def latencies(self):
        return tuple(latency for match in self.matches for latency in match.latencies)

    @property
    def median_latency(self):
        return latency_percentiles(self.latencies)[0]

    @property
    def latency_90th_percentile(self):
        return latency_percentiles(self.latencies)[1]

    @property
    def time_to_detect(self):
        return self._mean(lambda truth, event: (event.fired - truth.start) / (truth.end - truth.start))

    @property
    def early_rate(self):
        return self._mean(lambda truth, event: event.fired < truth.end)

    def _mean(self, figure):
        figures = [figure(truth, event) for match in self.matches for truth, event in match.detected]
        return float(np.mean(figures)) if figures else math.nan

    def summary(self):
        """The most important measures, in one line."""
        text = (
            f"{self.detected} of {self.gestures} gestures detected ({self.detection_rate:.0%}), "
            f"{self.false_alarms_per_minute:.2f} false alarms per minute, "
            f"{counted(self.duplicates, 'duplicate')}"
        )
        return f"{text}, {latency_summary(self.latencies)}" if self.detected else text

    def by_label(self):
        """For each label, in alphabetical order: `(label, gestures, detected, false alarms, duplicates)`."""
        counts = collections.defaultdict(lambda: [0, 0, 0, 0])
        for match in self.matches:
            detected = [gesture for gesture, _ in match.detected]
            for column, items in enumerate((match.truth, detected, match.false_alarms, match.duplicates)):
                for item in items:
                    counts[item.label][column] += 1
        return [(label, *counts[label]) for label in sorted(counts)]

    def to_dict(self):
        """All measures and events as a dictionary of plain values, for JSON; `None` for NaN."""
        names = (
            *("gestures", "detected", "false_alarms", "duplicates", "detection_rate", "detection_interval"),
            *("precision", "false_alarms_per_minute", "levenshtein_accuracy", "latency_from_start", "latency_from_end"),
            *("median_latency", "latency_90th_percentile", "time_to_detect", "early_rate"),
        )
        figures = {name: json_number(getattr(self, name)) for name in names}
        columns = ("label", "gestures", "detected", "false_alarms", "duplicates")
        return {
            "seconds": sum(self.durations),
            **figures,
            "by_label": [dict(zip(columns, row, strict=True)) for row in self.by_label()],
            "streams": [
                {"seconds": seconds, **match.to_dict()}
                for match, seconds in zip(self.matches, self.durations, strict=True)
            ],
        }

    def __str__(self):
        interval = self.detection_interval
        between = "" if interval is None else f"   95 % confidence interval {interval[0]:.1%} to {interval[1]:.1%}"
        lines = [
            f"{counted(len(self.matches), 'stream')}, {sum(self.durations):.0f} s, {self.gestures} gestures",
            f"detection rate            {self.detection_rate:8.1%}{between}",
            f"precision                 {self.precision:8.1%}",
            f"false alarms per minute   {self.false_alarms_per_minute:8.2f}   {self.false_alarms} in total",
            f"duplicates                {self.duplicates:8d}",
            f"Levenshtein accuracy      {self.levenshtein_accuracy:8.1%}",
            f"latency from start        {self.latency_from_start:8.2f} s",
            f"latency from end          {self.latency_from_end:8.2f} s   median {self.median_latency:.2f} s, "
            f"90th percentile {self.latency_90th_percentile:.2f} s",
            f"normalised time to detect {self.time_to_detect:8.2f}",
            f"fired before the end      {self.early_rate:8.1%}",
            "",
            f"{'label':<20} {'detected':>9} {'false alarms':>13} {'duplicates':>11}",
        ]
        for label, gestures, detected, false_alarms, duplicates in self.by_label():
            lines.append(f"{label:<20} {f'{detected} of {gestures}':>9} {false_alarms:13d} {duplicates:11d}")
        return "\n".join(lines)


def levenshtein_distance(first, second):
    """The minimum number of insertions, deletions and substitutions between two sequences of labels.

    Example:

    >>> levenshtein_distance(["wave", "nod", "clap"], ["wave", "clap", "clap", "nod"])
    2
    """
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (one != other))
    return row[-1]

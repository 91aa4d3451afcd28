"""How well events were found in continuous streams, by the measures of the literature."""

import collections
import dataclasses
import math

import numpy as np

from keras_action.recognition.matching import MatchReport, share
from keras_action.utils.statistics import bootstrap_intervals


@dataclasses.dataclass(frozen=True)
class StreamReport:
    """What a recogniser found in one or several streams; `str(report)` is a table.

    Args:
        matches: A `MatchReport` of each stream.
        durations: The length of each stream, in seconds.

    **Measures**, over all streams together:

    - `detection_rate`, `precision`: of gestures, of events.
    - `false_alarms_per_minute`: events with no gesture of their label under them,
      a minute of stream. Double firings are not among them.
    - `doubles`: further events on a gesture that was found already.
    - `levenshtein_accuracy`: 1 − d / n, where d is the Levenshtein distance of the
      labels of the events, in order, from those of the n gestures; summed over
      the streams before it is divided. Less than 0 where there is more wrong
      than there are gestures.
    - `latency_from_start`, `latency_from_end`: the mean time, in seconds, from a
      found gesture's start or end to its firing; from the end it is negative
      where events fire before it.
    - `time_to_detect`: NTtD, the mean of (fired − start) / (end − start): the share
      of a gesture that had been seen when it fired; more than 1 after its end.
    - `early_rate`: the share of found gestures that fired before they ended.

    Times are those of the stream; what the computer needs for a window comes on
    top.

    Example:

    >>> report = StreamReport((match_events(events, truth),), (120.0,))
    >>> print(f"{report.detection_rate:.0%} at {report.false_alarms_per_minute:.1f} false alarms a minute")
    90% at 0.5 false alarms a minute

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
                "There must be a match and a positive duration of each stream, and at least one stream. "
                f"Received: {len(self.matches)} matches, durations={self.durations}"
            )

    @property
    def found(self):
        """Number of gestures that were found."""
        return sum(len(match.found) for match in self.matches)

    @property
    def gestures(self):
        """Number of true gestures."""
        return self.found + sum(len(match.missed) for match in self.matches)

    @property
    def false_alarms(self):
        """Number of events that matched no gesture."""
        return sum(len(match.false) for match in self.matches)

    @property
    def doubles(self):
        """Number of events on a gesture that had been found already."""
        return sum(len(match.doubles) for match in self.matches)

    @property
    def detection_rate(self):
        return share(self.found, self.gestures)

    @property
    def detection_interval(self):
        """The 95 % interval of the detection rate by bootstrap over gestures; `None` if there were none."""
        if not self.gestures:
            return None
        kinds = np.repeat([1, 0], [self.found, self.gestures - self.found])
        if self.found in (0, self.gestures):  # one kind alone: nothing to draw
            return (self.detection_rate, self.detection_rate)
        [interval] = bootstrap_intervals(lambda counts: counts[:, 1:] / counts.sum(axis=1, keepdims=True), kinds)
        return tuple(interval)

    @property
    def precision(self):
        return share(self.found, self.found + self.false_alarms + self.doubles)

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
        return self._mean(lambda truth, event: event.fired - truth.end)

    @property
    def time_to_detect(self):
        return self._mean(lambda truth, event: (event.fired - truth.start) / (truth.end - truth.start))

    @property
    def early_rate(self):
        return self._mean(lambda truth, event: event.fired < truth.end)

    def _mean(self, figure):
        figures = [figure(truth, event) for match in self.matches for truth, event in match.found]
        return float(np.mean(figures)) if figures else math.nan

    def summary(self):
        """The figures that matter most, in one line."""
        return (
            f"{self.found} of {self.gestures} gestures found ({self.detection_rate:.0%}), "
            f"{self.false_alarms_per_minute:.2f} false alarms a minute, {self.doubles} fired twice"
        )

    def by_label(self):
        """For each label, in alphabetical order: `(label, gestures, found, false alarms, double firings)`."""
        counts = collections.defaultdict(lambda: [0, 0, 0, 0])
        for match in self.matches:
            for place, items in enumerate(
                (match.truth, [truth for truth, _ in match.found], match.false, match.doubles)
            ):
                for item in items:
                    counts[item.label][place] += 1
        return [(label, *counts[label]) for label in sorted(counts)]

    def to_dict(self):
        """All figures and every event as a dictionary of plain values, for JSON; `None` where there is no figure."""
        names = (
            *("gestures", "found", "false_alarms", "doubles", "detection_rate", "detection_interval", "precision"),
            *("false_alarms_per_minute", "levenshtein_accuracy", "latency_from_start", "latency_from_end"),
            *("time_to_detect", "early_rate"),
        )
        figures = {name: getattr(self, name) for name in names}
        figures = {name: None if _is_nan(value) else value for name, value in figures.items()}
        columns = ("label", "gestures", "found", "false_alarms", "doubles")
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
        between = "" if interval is None else f"   95 % interval {interval[0]:.1%} to {interval[1]:.1%}"
        lines = [
            f"{len(self.matches)} stream{'' if len(self.matches) == 1 else 's'}, {sum(self.durations):.0f} s, "
            f"{self.gestures} gestures",
            f"detection rate            {self.detection_rate:8.1%}{between}",
            f"precision                 {self.precision:8.1%}",
            f"false alarms a minute     {self.false_alarms_per_minute:8.2f}   {self.false_alarms} in all",
            f"fired twice               {self.doubles:8d}",
            f"Levenshtein accuracy      {self.levenshtein_accuracy:8.1%}",
            f"latency from start        {self.latency_from_start:8.2f} s",
            f"latency from end          {self.latency_from_end:8.2f} s",
            f"normalised time to detect {self.time_to_detect:8.2f}",
            f"fired before the end      {self.early_rate:8.1%}",
            "",
            f"{'label':<20} {'found':>9} {'false':>6} {'twice':>6}",
        ]
        for label, gestures, found, false, doubles in self.by_label():
            lines.append(f"{label:<20} {f'{found} of {gestures}':>9} {false:6d} {doubles:6d}")
        return "\n".join(lines)


def levenshtein_distance(first, second):
    """The least number of insertions, deletions and replacements that make one sequence of labels the other.

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


def _is_nan(value):
    return isinstance(value, float) and math.isnan(value)

"""Comparing models, each trained several times, on the same clips."""

from dataclasses import dataclass

import numpy as np

from keras_action.utils.statistics import ConfidenceInterval, bootstrap_intervals


@dataclass(frozen=True)
class ComparedModel:
    """The result of one model of a comparison.

    Attributes:
        name: Its name.
        top1: Tuple of floats, the top-1 accuracy of each training.
        mean: Their mean.
        interval: The 95 % interval of the mean, by bootstrap over the clips.
        difference: The mean minus that of the reference.
        difference_interval: The 95 % interval of the difference. Both models are evaluated on the same clips in each
            resample, so it is narrower than the two intervals suggest.
        pairs: Mean accuracy within the pairs of classes that differ only in time's direction; NaN if there are none.
    """

    name: str
    top1: tuple[float, ...]
    mean: float
    interval: ConfidenceInterval
    difference: float
    difference_interval: ConfidenceInterval
    pairs: float


def compare(reports, reference=None, *, resamples=2000, seed=0):
    """Compares models by their evaluations on the same clips.

    The intervals are for other clips: clips are resampled, or groups if all clips have one, each with its mean over the
    trainings. The spread over trainings is that of `top1`.

    Args:
        reports: Dict from a model's name to a list of `EvaluationReport`s, one for each training.
        reference: Name of the model that the others are compared with; `None` for the first.
        resamples: Integer, the number of resamples.
        seed: Integer, the seed of the resampling.

    Returns:
        A list of `ComparedModel`s.

    Raises:
        ValueError: If the reports are not of the same clips.

    Example:

    >>> rows = compare({"TSN": [tsn_report], "ACTION": [action_report]})
    >>> rows[1].difference_interval.low > 0
    True
    """
    first = next(iter(reports.values()))[0]
    for name, own in reports.items():
        for report in own:
            if report.paths != first.paths or (report.true_ids != first.true_ids).any():
                raise ValueError(f"All models must be evaluated on the same clips. Received: others for {name}")
    reference = next(iter(reports)) if reference is None else reference
    # Hits by model and clip, the mean over the trainings. Clips with the same hits are of one kind.
    hits = np.stack([np.mean([r.predicted_ids == r.true_ids for r in own], axis=0) for own in reports.values()])
    of_kinds, kinds = np.unique(hits, axis=1, return_inverse=True)
    units = np.unique(first.groups, return_inverse=True)[1] if first.has_groups else np.arange(hits.shape[1])
    place = list(reports).index(reference)

    def means_and_differences(counts):
        means = counts @ of_kinds.T / counts.sum(axis=1, keepdims=True)
        return np.concatenate([means, means - means[:, [place]]], axis=1)

    intervals = bootstrap_intervals(means_and_differences, kinds.ravel(), units, resamples=resamples, seed=seed)
    rows = []
    for i, (name, own) in enumerate(reports.items()):
        shares = [value for report in own for value in report.pair_accuracy().values()]
        rows.append(
            ComparedModel(
                name=name,
                top1=tuple(report.top1 for report in own),
                mean=float(hits[i].mean()),
                interval=intervals[i],
                difference=float(hits[i].mean() - hits[place].mean()),
                difference_interval=intervals[len(hits) + i],
                pairs=float(np.nanmean(shares)) if np.isfinite(shares).any() else float("nan"),
            )
        )
    return rows

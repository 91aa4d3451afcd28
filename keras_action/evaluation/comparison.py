"""Comparing models on the same clips, each trained several times."""

from dataclasses import dataclass

import numpy as np

from keras_action.utils.statistics import ConfidenceInterval


@dataclass(frozen=True)
class ComparedModel:
    """How one of several models did.

    Attributes:
        name: Its name.
        top1: Tuple of floats, the top-1 accuracy of each of its trainings.
        mean: Their mean.
        interval: The 95 % interval of the mean, by bootstrap over the clips.
        difference: How far the mean lies above that of the reference.
        difference_interval: The 95 % interval of the difference. Both models see the same clips in each draw, so it
            is narrower than two intervals beside each other suggest.
        pairs: Mean accuracy within the pairs that differ in time's direction; NaN where there are none.
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

    The intervals tell what other clips would give: clips are drawn, or groups where all clips have one, and of each the
    mean over the trainings counts. What other trainings would give, `top1` shows.

    Args:
        reports: Dict from a model's name to a list of `EvaluationReport`s, one for each training.
        reference: Name of the model that the others are compared with; `None` for the first.
        resamples: Integer, how often to draw.
        seed: Integer.

    Returns:
        A list of `ComparedModel`s.

    Raises:
        ValueError: where the reports are not of the same clips.

    Example:

    >>> rows = compare({"TSN": [tsn_report], "ACTION": [action_report]})
    >>> rows[1].difference_interval.low > 0  # better, whatever the clips
    True
    """
    first = next(iter(reports.values()))[0]
    for name, own in reports.items():
        for report in own:
            if report.paths != first.paths or (report.true_ids != first.true_ids).any():
                raise ValueError(f"The models must be evaluated on the same clips. Received: other ones for {name}")
    reference = next(iter(reports)) if reference is None else reference
    # Hits by model and clip, the mean over the trainings.
    hits = np.stack([np.mean([r.predicted_ids == r.true_ids for r in own], axis=0) for own in reports.values()])
    units = np.unique(first.groups, return_inverse=True)[1] if first.has_groups else np.arange(hits.shape[1])
    of_units = np.zeros((units.max() + 1, len(hits) + 1))
    np.add.at(of_units, units, np.concatenate([hits, np.ones((1, hits.shape[1]))]).T)
    count = len(of_units)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples) @ of_units
    means = draws[:, :-1] / draws[:, -1:]
    place = list(reports).index(reference)
    rows = []
    for i, (name, own) in enumerate(reports.items()):
        shares = [value for report in own for value in report.pair_accuracy().values()]
        rows.append(
            ComparedModel(
                name=name,
                top1=tuple(report.top1 for report in own),
                mean=float(hits[i].mean()),
                interval=_interval(means[:, i]),
                difference=float(hits[i].mean() - hits[place].mean()),
                difference_interval=_interval(means[:, i] - means[:, place]),
                pairs=float(np.nanmean(shares)) if np.isfinite(shares).any() else float("nan"),
            )
        )
    return rows


def _interval(values):
    return ConfidenceInterval(*(float(end) for end in np.quantile(values, [0.025, 0.975])))

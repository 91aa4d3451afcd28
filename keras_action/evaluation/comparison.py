"""Comparison of models, each trained several times, on the same clips."""

from dataclasses import dataclass

import numpy as np

from keras_action.utils.statistics import ConfidenceInterval, bootstrap_intervals, mean_weights, resampled_weights


@dataclass(frozen=True)
class ComparedModel:
    """The result of one model of a comparison.

    Attributes:
        name: Its name.
        num_clips: The number of clips evaluated.
        top1: Tuple of floats, the top-1 accuracy of each training.
        num_pretrainings: The number of pretrained models that the trainings started from, or `None` if none is known.
        mean: The mean accuracy: over the trainings of each pretrained model, then over these.
        interval: The 95 % interval of the mean, by bootstrap over clips, trainings and pretrained models.
        difference: The mean minus that of the reference.
        difference_interval: The 95 % interval of the difference. Each resample contains the same clips for both models,
            so it is narrower than the two intervals suggest.
        pairs: Mean accuracy within the reversed pairs, see `EvaluationReport.pair_accuracy`; NaN if there are none.
    """

    name: str
    num_clips: int
    top1: tuple[float, ...]
    num_pretrainings: int | None
    mean: float
    interval: ConfidenceInterval
    difference: float
    difference_interval: ConfidenceInterval
    pairs: float


def compare(reports, reference=None, pretrainings=None, *, resamples=2000, seed=0):
    """Compares models by their evaluations on the same clips.

    Clips, trainings and pretrained models are resampled for the intervals: clips by group if all clips have one,
    trainings within each pretrained model. With one pretrained model the intervals say nothing about another. With two
    or three they are too narrow: the range of two independent results contains their expectation in half of all cases,
    that of three in three quarters.

    Args:
        reports: Dict from a model's name to a list of `EvaluationReport`s, one for each training.
        reference: Name of the model that the others are compared with; `None` for the first.
        pretrainings: Dict from a model's name to a list of names, for each of its reports that of the pretrained model
            that the training started from. `None`, or a model that is missing, for trainings that share none.
        resamples: Integer, the number of resamples.
        seed: Integer, the seed of the resampling.

    Returns:
        A list of `ComparedModel`s.

    Raises:
        ValueError: If the reports are not of the same clips, or `pretrainings` are not one for each report.

    Example:

    >>> rows = compare({"TSN": [tsn_report], "ACTION": [action_report]})
    >>> rows[1].difference_interval.low > 0
    True
    """
    first = next(iter(reports.values()))[0]
    starts = {}
    for name, own in reports.items():
        for report in own:
            if report.paths != first.paths or (report.true_ids != first.true_ids).any():
                raise ValueError(
                    f"All models must be evaluated on the same clips. Received: different clips for {name}"
                )
        starts[name] = (pretrainings or {}).get(name) or list(range(len(own)))
        if len(starts[name]) != len(own):
            raise ValueError(
                f"`pretrainings` must name one for each of the {len(own)} reports of {name}. Received: {starts[name]}"
            )
    reference = next(iter(reports)) if reference is None else reference
    place = list(reports).index(reference)
    # Clips are of one kind if the same trainings classify them correctly.
    correct = np.stack([report.predicted_ids == report.true_ids for own in reports.values() for report in own])
    correct_by_kind, kinds = np.unique(correct, axis=1, return_inverse=True)
    units = np.unique(first.groups, return_inverse=True)[1] if first.has_groups else np.arange(correct.shape[1])
    rows_of_model = np.split(np.arange(len(correct)), np.cumsum([len(own) for own in reports.values()])[:-1])
    rng = np.random.default_rng(seed)

    def means_and_differences(counts):
        accuracies = counts @ correct_by_kind.T / counts.sum(axis=1, keepdims=True)  # (R, trainings)
        means = np.stack(
            [
                (accuracies[:, rows] * resampled_weights(own, len(counts), rng)).sum(axis=1)
                for rows, own in zip(rows_of_model, starts.values(), strict=True)
            ],
            axis=1,
        )
        return np.concatenate([means, means - means[:, [place]]], axis=1)

    intervals = bootstrap_intervals(means_and_differences, kinds.ravel(), units, resamples=resamples, seed=seed)
    means = [float(mean_weights(starts[name]) @ [report.top1 for report in own]) for name, own in reports.items()]
    rows = []
    for i, (name, own) in enumerate(reports.items()):
        shares = [value for report in own for value in report.pair_accuracy().values()]
        rows.append(
            ComparedModel(
                name=name,
                num_clips=len(first.paths),
                top1=tuple(report.top1 for report in own),
                num_pretrainings=len(set(starts[name])) if name in (pretrainings or {}) else None,
                mean=means[i],
                interval=intervals[i],
                difference=means[i] - means[place],
                difference_interval=intervals[len(reports) + i],
                pairs=float(np.nanmean(shares)) if np.isfinite(shares).any() else float("nan"),
            )
        )
    return rows

"""Confidence intervals of the accuracies of an evaluation."""

import numpy as np

from keras_action.utils.statistics import bootstrap_intervals


def accuracy_intervals(true_ids, outcomes, num_classes, units=None, *, level=0.95, resamples=2000, seed=0):
    """Percentile intervals by bootstrap of top-1, top-5 and mean class accuracy.

    Args:
        true_ids: N integers, the true class of each clip.
        outcomes: N integers: 2 if the top-1 prediction is correct, 1 if only the top-5 prediction is, else 0.
        num_classes: Number of classes.
        units: N integers, the group of each clip; `None` for independent clips.
        level: The confidence level.
        resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        A dictionary from `"top1"`, `"top5"` and `"mean_class_accuracy"` to `ConfidenceInterval`s.
    """

    def accuracies(counts):
        counts = np.pad(counts, [(0, 0), (0, num_classes * 3 - counts.shape[1])]).reshape(-1, num_classes, 3)
        totals, correct = counts.sum(axis=-1), counts[..., 2]
        shares = np.divide(correct, totals, out=np.zeros(correct.shape), where=totals > 0)
        mean = shares.sum(axis=1) / (totals > 0).sum(axis=1)
        num_clips = totals.sum(axis=1)
        return np.stack([correct.sum(axis=1) / num_clips, counts[..., 1:].sum(axis=(1, 2)) / num_clips, mean], axis=1)

    kinds = true_ids * 3 + outcomes
    intervals = bootstrap_intervals(accuracies, kinds, units, level=level, resamples=resamples, seed=seed)
    return dict(zip(("top1", "top5", "mean_class_accuracy"), intervals, strict=True))

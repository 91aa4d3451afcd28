"""Softmax, and confidence intervals. NumPy only."""

from typing import NamedTuple

import numpy as np


def softmax(logits):
    """Probabilities `(…, classes)` of logits `(…, classes)`."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def log_softmax(logits):
    """The logarithms of `softmax(logits)`, finite where a probability underflows."""
    differences = logits - logits.max(axis=-1, keepdims=True)
    return differences - np.log(np.exp(differences).sum(axis=-1, keepdims=True))


class ConfidenceInterval(NamedTuple):
    """The ends of a confidence interval."""

    low: float
    high: float


def share_interval(hits, count):
    """Wilson's 95 % interval of a share of independent observations, also of few, and of none or all.

    Args:
        hits: Number of hits.
        count: Number of observations, at least 1.

    Returns:
        A `ConfidenceInterval`.

    Example:

    >>> low, high = share_interval(18, 18)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.82 to 1.00

    Reference: [Wilson, 1927](https://doi.org/10.1080/01621459.1927.10502953).
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"`hits` must be from 0 to `count`, at least 1. Received: hits={hits}, count={count}")
    z, share = 1.959964, hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return ConfidenceInterval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def bootstrap_intervals(figures, kinds, units=None, *, level=0.95, resamples=2000, seed=0):
    """Percentile intervals of statistics by bootstrap: resampling with replacement.

    Observations that are not independent, as the clips of one subject, must be one unit.

    Args:
        figures: A function from counts `(R, K)`, the number of observations of each kind in each of R resamples, to an
            array `(R, F)` of F statistics.
        kinds: N integers in 0 … K − 1, the kind of each observation.
        units: N integers from 0, the unit of each observation; `None` if each is a unit of its own.
        level: The confidence level.
        resamples: Number of resamples.
        seed: Seed of the resampling.

    Returns:
        A list of F `ConfidenceInterval`s.

    Example:

    >>> hits = np.array([1, 1, 1, 0] * 25)
    >>> share = lambda counts: counts[:, 1:] / counts.sum(axis=1, keepdims=True)
    >>> [(low, high)] = bootstrap_intervals(share, hits)
    >>> print(f"{low:.2f} to {high:.2f}")
    0.66 to 0.84

    Reference: [Efron, 1979](https://doi.org/10.1214/aos/1176344552).
    """
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(
            "`level` must be between 0 and 1, and `resamples` at least 1. "
            f"Received: level={level}, resamples={resamples}"
        )
    rng = np.random.default_rng(seed)
    if units is None:
        # Only the number of draws of each kind matters, which is multinomial.
        counts = rng.multinomial(len(kinds), np.bincount(kinds) / len(kinds), size=resamples)
    else:
        of_units = np.zeros((np.max(units) + 1, np.max(kinds) + 1), "int64")
        np.add.at(of_units, (units, kinds), 1)
        count = len(of_units)
        counts = rng.multinomial(count, np.full(count, 1 / count), size=resamples) @ of_units
    ends = np.quantile(figures(counts), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return [ConfidenceInterval(float(low), float(high)) for low, high in ends.T]


def mean_weights(starts):
    """Weights of trainings in their mean: equal for all pretrained models, and for the trainings of each.

    Args:
        starts: The pretrained model that each training started from.

    Returns:
        An array `(trainings,)` whose sum is 1.
    """
    _, group, sizes = np.unique(starts, return_inverse=True, return_counts=True)
    return 1 / (len(sizes) * sizes[group])


def resampled_weights(starts, resamples, rng):
    """Weights of trainings in the means of resamples: pretrained models, and trainings of each, drawn with replacement.

    Args:
        starts: The pretrained model that each training started from.
        resamples: Number of resamples, R.
        rng: A NumPy generator.

    Returns:
        An array `(R, trainings)` whose rows sum to 1.
    """
    groups = [np.flatnonzero(np.asarray(starts) == start) for start in dict.fromkeys(starts)]
    weights = np.zeros((resamples, len(starts)))
    for _ in groups:
        drawn = rng.integers(len(groups), size=resamples)
        for i, group in enumerate(groups):
            times = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size=(drawn == i).sum())
            weights[np.ix_(drawn == i, group)] += times / (len(group) * len(groups))
    return weights

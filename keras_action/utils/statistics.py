"""Softmax, and confidence intervals by bootstrap. NumPy only."""

from typing import NamedTuple

import numpy as np


def softmax(logits):
    """Probabilities `(…, classes)` of logits `(…, classes)`."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


class ConfidenceInterval(NamedTuple):
    """The two ends of an interval."""

    low: float
    high: float


def bootstrap_intervals(figures, kinds, units=None, *, level=0.95, resamples=2000, seed=0):
    """Percentile intervals of figures, by drawing what they are made of again and again, with replacement.

    What is not independent must be one unit: the clips of one subject come or stay away together.

    Args:
        figures: A function from counts `(R, K)`, how many observations of each kind there are in each of R resamples,
            to an array `(R, F)`.
        kinds: N integers in 0 … K − 1: what each observation is, as far as the figures are concerned.
        units: N integers from 0: what is drawn together; `None` where each observation is drawn alone.
        level: The share of the resamples whose figures lie in the interval.
        resamples: How often to draw.
        seed: The same seed gives the same intervals.

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
            "`level` must be between 0 and 1, and there must be resamples. "
            f"Received: level={level}, resamples={resamples}"
        )
    rng = np.random.default_rng(seed)
    if units is None:
        # How often each kind is drawn is all that matters: a multinomial number.
        counts = rng.multinomial(len(kinds), np.bincount(kinds) / len(kinds), size=resamples)
    else:
        of_units = np.zeros((np.max(units) + 1, np.max(kinds) + 1), "int64")
        np.add.at(of_units, (units, kinds), 1)
        count = len(of_units)
        counts = rng.multinomial(count, np.full(count, 1 / count), size=resamples) @ of_units
    ends = np.quantile(figures(counts), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return [ConfidenceInterval(float(low), float(high)) for low, high in ends.T]

import doctest

import numpy as np
import pytest

from keras_action.utils import statistics
from keras_action.utils.statistics import bootstrap_intervals, share_interval


def share(counts):
    return counts[:, 1:] / counts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("share_right", "count"), [(0.5, 400), (0.9, 1000)])
def test_a_share_has_the_normal_interval(share_right, count):
    hits = (np.arange(count) < share_right * count).astype(int)
    [(low, high)] = bootstrap_intervals(share, hits)
    half = 1.96 * np.sqrt(share_right * (1 - share_right) / count)
    assert low == pytest.approx(share_right - half, abs=0.15 * half)
    assert high == pytest.approx(share_right + half, abs=0.15 * half)


def test_units_alone_are_as_none():
    hits = np.arange(300) % 2
    [alone] = bootstrap_intervals(share, hits)
    [units] = bootstrap_intervals(share, hits, np.arange(300))
    np.testing.assert_allclose(alone, units, atol=0.01)


def test_units_that_are_all_right_or_all_wrong_count_as_one_observation_each():
    subjects = np.arange(200) // 10
    [(low, high)] = bootstrap_intervals(share, subjects % 2, subjects)
    [(expected_low, expected_high)] = bootstrap_intervals(share, np.arange(20) % 2)
    np.testing.assert_allclose((low, high), (expected_low, expected_high), atol=0.051)
    assert high - low > 0.35


def test_seed_level_and_number_of_resamples():
    hits = np.arange(50) % 2
    assert bootstrap_intervals(share, hits) == bootstrap_intervals(share, hits)
    assert bootstrap_intervals(share, hits) != bootstrap_intervals(share, hits, resamples=500, seed=1)
    [(low, high)] = bootstrap_intervals(share, hits, level=0.5)
    [(wide_low, wide_high)] = bootstrap_intervals(share, hits, level=0.99)
    assert wide_low < low < 0.5 < high < wide_high


@pytest.mark.parametrize("options", [{"level": 0}, {"level": 1}, {"resamples": 0}])
def test_errors(options):
    [(name, value)] = options.items()
    with pytest.raises(ValueError, match=f"Received: .*{name}={value}"):
        bootstrap_intervals(share, [0, 1], **options)


def test_docstring():
    assert doctest.testmod(statistics).failed == 0


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"), [(8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278), (20, 20, 0.839, 1.0)]
)
def test_share_interval(hits, count, low, high):
    """Values of R's `prop.test(hits, count, correct = FALSE)`."""
    assert share_interval(hits, count) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(("hits", "count"), [(0, 0), (3, 2), (-1, 2)])
def test_share_of_wrong_counts(hits, count):
    with pytest.raises(ValueError, match="Received: hits="):
        share_interval(hits, count)


def test_log_softmax_is_finite_where_softmax_underflows():
    logits = np.float32([[2.0, 1.0, -1.0], [500.0, 0.0, -500.0]])
    np.testing.assert_allclose(np.log(statistics.softmax(logits[0])), statistics.log_softmax(logits[0]), rtol=1e-5)
    np.testing.assert_array_equal(statistics.softmax(logits[1]), [1, 0, 0])
    np.testing.assert_allclose(statistics.log_softmax(logits)[1], [0, -500, -1000])

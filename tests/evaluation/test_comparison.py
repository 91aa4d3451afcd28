import itertools

import numpy as np
import pytest

from keras_action.evaluation.comparison import compare
from keras_action.evaluation.report import EvaluationReport

LABELS = ("a", "b")


def report(right, **fields):
    """Of a model that is right for these clips: half of them of class a."""
    right = np.asarray(right, bool)
    true = np.arange(len(right)) % 2
    logits = np.eye(2)[np.where(right, true, 1 - true)]
    return EvaluationReport(
        labels=LABELS, paths=tuple(map(str, range(len(right)))), true_ids=true, logits=logits, **fields
    )


def test_means_differences_and_intervals():
    rng = np.random.default_rng(0)
    base = rng.random(400) < 0.5
    better = base | (rng.random(400) < 0.3)  # right wherever the other is, too
    rows = compare({"TSN": [report(base), report(base)], "ACTION": [report(better), report(better | base)]})
    assert [row.name for row in rows] == ["TSN", "ACTION"]
    assert rows[0].top1 == pytest.approx((base.mean(), base.mean()))
    assert rows[1].mean == pytest.approx(better.mean())
    assert rows[0].difference == 0 and rows[0].difference_interval == (0, 0)
    # 0.05 is twice the standard error of 400 clips at a half. The trainings agree.
    assert rows[0].interval.high - rows[0].interval.low == pytest.approx(0.1, rel=0.15)
    # The clips of both are the same: the difference is known better than either.
    width = rows[1].difference_interval.high - rows[1].difference_interval.low
    assert rows[1].difference_interval.low > 0 and width < 0.08
    assert np.isnan(rows[0].pairs)


def test_the_interval_is_over_trainings_and_pretrained_models_too():
    rng = np.random.default_rng(0)
    trainings = [report(rng.random(400) < p) for p in (0.9, 0.9, 0.5, 0.5)]
    widths = {}
    for starts in (["x"] * 4, ["x", "x", "y", "y"], ["x", "y", "x", "y"], None):
        pretrainings = None if starts is None else {"ACTION": starts}
        (row,) = compare({"ACTION": trainings}, pretrainings=pretrainings)
        assert row.mean == pytest.approx(np.mean(row.top1))
        assert row.num_pretrainings == (None if starts is None else len(set(starts)))
        widths[str(starts)] = row.interval.high - row.interval.low
    of_one, by_start, within_start, independent = widths.values()
    # Two pretrained models, of which one is better by 0.4: the mean of two draws is one of them half of the time.
    assert by_start == pytest.approx(0.4, abs=0.08)
    # Four independent trainings: twice their standard error of 0.1 on each side.
    assert of_one == pytest.approx(0.4, abs=0.05) and independent == pytest.approx(of_one, rel=0.1)
    # The difference lies within each pretrained model: both levels are drawn.
    assert within_start > 0.3


def test_the_interval_is_that_of_all_draws_of_pretrained_models_and_trainings():
    shares = {"x": (0.1, 0.3), "y": (0.5,), "z": (0.7, 0.9)}
    # Both groups of clips have the same results, so that drawing groups changes nothing.
    trainings = [report(np.tile(np.arange(10) < 10 * share, 2), groups=("first",) * 10 + ("second",) * 10)
                 for share in itertools.chain(*shares.values())]  # fmt: skip
    (row,) = compare({"ACTION": trainings}, pretrainings={"ACTION": ["x", "x", "y", "z", "z"]})
    assert row.mean == pytest.approx((0.2 + 0.5 + 0.8) / 3)
    assert (row.num_clips, row.num_pretrainings, len(row.top1)) == (20, 3, 5)

    means = {
        name: [np.mean(drawn) for drawn in itertools.product(own, repeat=len(own))] for name, own in shares.items()
    }
    values, chances = [], []
    for names in itertools.product(shares, repeat=3):
        for drawn in itertools.product(*(means[name] for name in names)):
            values.append(np.mean(drawn))
            chances.append(1 / 27 / np.prod([len(means[name]) for name in names]))
    order = np.argsort(values)
    cumulative = np.cumsum(np.array(chances)[order])
    assert cumulative[-1] == pytest.approx(1)
    low, high = np.array(values)[order][np.searchsorted(cumulative, [0.025, 0.975])]
    assert row.interval == (pytest.approx(low, abs=0.021), pytest.approx(high, abs=0.021))


def test_the_mean_is_over_pretrained_models():
    trainings = [report([1, 1, 1, 1]), report([1, 1, 0, 0]), report([1, 1, 0, 0])]
    (row,) = compare({"ACTION": trainings}, pretrainings={"ACTION": [0, 1, 1]})
    assert row.mean == 0.75 and row.top1 == (1, 0.5, 0.5)
    with pytest.raises(ValueError, match=r"one for each of the 3 reports of ACTION\. Received: \[0\]"):
        compare({"ACTION": trainings}, pretrainings={"ACTION": [0]})


def test_groups_are_drawn_whole():
    right = np.repeat([1, 0], 200)
    groups = ("first",) * 200 + ("second",) * 200
    (row,) = compare({"TSN": [report(right, groups=groups)]})
    assert row.interval == (0, 1)


def test_pairs():
    (row,) = compare({"TSN": [report([1, 1, 1, 0], reversed_pairs=(("a", "b"),))]})
    assert row.pairs == 0.75


def test_other_clips_are_an_error():
    with pytest.raises(ValueError, match="Received: different clips for TSM"):
        compare({"TSN": [report([1, 0])], "TSM": [report([1, 0, 1])]})


def test_the_reference_may_be_named():
    rows = compare({"TSN": [report([1, 0])], "ACTION": [report([1, 1])]}, reference="ACTION")
    assert [row.difference for row in rows] == [-0.5, 0]

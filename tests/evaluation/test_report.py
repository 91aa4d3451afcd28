import dataclasses
import doctest
import json
import math

import numpy as np
import pytest

from keras_action.evaluation import report as evaluation_report
from keras_action.evaluation.report import EvaluationReport

LABELS = ("left", "right", "none")


def make_report(outcomes, labels=LABELS):
    """A report from (true label, predicted label or None for an undecodable clip)."""
    logits = np.full((len(outcomes), len(labels)), np.nan)
    for row, (_, predicted) in zip(logits, outcomes, strict=True):
        if predicted is not None:
            row[:] = 0.0
            row[labels.index(predicted)] = 2.0
    return EvaluationReport(
        labels=labels,
        paths=[f"{i}.mp4" for i in range(len(outcomes))],
        true_ids=[labels.index(true) for true, _ in outcomes],
        logits=logits,
    )


# name, outcomes, top-1, mean class accuracy, confusion, accuracy within (left, right)
CASES = [
    ("all right", [("left", "left"), ("right", "right")], 1.0, 1.0, [[1, 0, 0], [0, 1, 0], [0, 0, 0]], 1.0),
    ("all wrong", [("left", "right"), ("right", "left")], 0.0, 0.0, [[0, 1, 0], [1, 0, 0], [0, 0, 0]], 0.0),
    (
        "uneven classes",
        [("left", "left"), ("left", "left"), ("left", "left"), ("right", "left")],
        0.75,
        0.5,
        [[3, 0, 0], [1, 0, 0], [0, 0, 0]],
        0.75,
    ),
    (
        "undecodable counts as wrong, but not as confused",
        [("left", "left"), ("left", None)],
        0.5,
        0.5,
        [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        1.0,
    ),
    (
        "other classes don't count within a pair",
        [("left", "left"), ("left", "none"), ("none", "right"), ("right", "left")],
        0.25,
        (0.5 + 0 + 0) / 3,
        [[1, 0, 1], [1, 0, 0], [0, 1, 0]],
        0.5,
    ),
    ("nothing decodable", [("left", None), ("none", None)], 0.0, 0.0, np.zeros((3, 3)), math.nan),
]


@pytest.mark.parametrize(
    ("outcomes", "top1", "mean_class", "confusion", "within"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_figures(outcomes, top1, mean_class, confusion, within):
    report = make_report(outcomes)
    assert report.top1 == pytest.approx(top1)
    assert report.mean_class_accuracy == pytest.approx(mean_class)
    np.testing.assert_array_equal(report.confusion, confusion)
    np.testing.assert_equal(report.pair_accuracy([("left", "right")]), {("left", "right"): within})
    decoded = sum(predicted is not None for _, predicted in outcomes)
    assert report.confusion.sum() == decoded
    assert report.top5 == pytest.approx(decoded / len(outcomes))
    assert len(report.undecodable) == len(outcomes) - decoded
    assert len(report.misclassified()) == decoded - np.trace(confusion)
    json.loads(report.to_json(), parse_constant=pytest.fail)
    assert all(label in str(report) for label in LABELS)


def test_top5_of_more_classes_than_five():
    logits = [[5, 4, 3, 2, 1, 0], [5, 4, 3, 2, 1, 0], [np.nan] * 6]
    report = EvaluationReport(labels="abcdef", paths="xyz", true_ids=[4, 5, 0], logits=logits)
    assert report.top1 == 0
    assert report.top5 == pytest.approx(1 / 3)
    assert report.top_k(6) == pytest.approx(2 / 3)


def test_equal_logits_are_right_for_one_class_only():
    report = EvaluationReport(labels=LABELS, paths="xyz", true_ids=[0, 1, 2], logits=np.zeros((3, 3)))
    assert report.top1 == pytest.approx(1 / 3)
    assert report.predicted_ids.tolist() == [0, 0, 0]


def test_probabilities_survive_large_logits():
    report = EvaluationReport(labels=LABELS, paths="x", true_ids=[1], logits=[[1e4, 0, 0]])
    np.testing.assert_allclose(report.probabilities, [[1, 0, 0]])


def test_class_without_clips_is_left_out():
    report = make_report([("left", "left"), ("none", "left")])
    np.testing.assert_equal(report.class_accuracy, [1, np.nan, 0])
    assert report.mean_class_accuracy == 0.5
    assert json.loads(report.to_json())["class_accuracy"] == {"left": 1.0, "right": None, "none": 0.0}


def test_wrong_clips_are_named_most_confident_first():
    report = EvaluationReport(
        labels=LABELS,
        paths=("unsure.mp4", "right.mp4", "sure.mp4", "broken.mp4"),
        true_ids=[0, 0, 2, 0],
        logits=[[0.9, 1, 0], [1, 0, 0], [0, 9, 0], [np.nan] * 3],
    )
    assert [clip.path for clip in report.misclassified()] == ["sure.mp4", "unsure.mp4"]
    first = report.misclassified()[0]
    assert (first.true, first.predicted) == ("none", "right")
    assert first.probability == pytest.approx(1, abs=1e-3)
    assert report.undecodable == ("broken.mp4",)
    assert "broken.mp4" in str(report)
    assert "right (1)" in str(report)


def test_confusion_within_is_the_pairs_part():
    report = make_report([("left", "right"), ("none", "none"), ("none", "left"), ("right", "right")])
    matrices = report.confusion_within([("left", "right"), ("none", "left")])
    np.testing.assert_array_equal(matrices["left", "right"], [[0, 1], [0, 1]])
    np.testing.assert_array_equal(matrices["none", "left"], [[1, 1], [0, 0]])


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("left", "up"), r"no class 'up'\. The classes are .*Received: pair=\('left', 'up'\)"),
        (("left", "rihgt"), r"no class 'rihgt'\. Did you mean 'right'"),
        (("left", "left"), r"two different classes. Received: \('left', 'left'\)"),
    ],
)
def test_pairs_must_be_two_classes(pair, message):
    report = make_report([("left", "left")])
    for method in (report.confusion_within, report.pair_accuracy):
        with pytest.raises(ValueError, match=message):
            method([pair])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paths": [], "true_ids": [], "logits": np.zeros((0, 3))}, "at least one clip"),
        ({"logits": np.zeros((2, 4))}, r"\(2, 3\).*Received: .*\(2, 4\)"),
        ({"true_ids": [0]}, r"Received: true_ids\.shape=\(1,\)"),
        ({"true_ids": [0, 3]}, "0..2.*Received"),
        ({"true_ids": [-1, 0]}, "0..2.*Received"),
    ],
)
def test_fields_must_fit(changes, message):
    fields = {"labels": LABELS, "paths": ["a", "b"], "true_ids": [0, 1], "logits": np.zeros((2, 3))}
    with pytest.raises(ValueError, match=message):
        EvaluationReport(**(fields | changes))


@pytest.mark.parametrize("k", [0, 4])
def test_k_must_fit(k):
    with pytest.raises(ValueError, match=f"Received: k={k}"):
        make_report([("left", "left")]).top_k(k)


def test_saved_json_is_what_the_report_says(tmp_path):
    report = make_report([("left", "left"), ("right", "left"), ("none", None)])
    report.save_json(tmp_path / "run" / "evaluation.json")
    content = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert content["top1"] == pytest.approx(1 / 3)
    assert content["confusion"] == report.confusion.tolist()
    assert content["undecodable"] == ["2.mp4"]
    assert content["results"][1]["predicted"] == "left"
    assert content["results"][2] == {
        "path": "2.mp4",
        "group": None,
        "true": "none",
        "predicted": None,
        "probability": None,
    }


def test_docstring():
    assert doctest.testmod(evaluation_report).failed == 0


def test_groups_widen_the_intervals():
    """Ten subjects, of whom each is right or wrong in all clips, say as much as ten clips."""
    outcomes = [("left", "left" if i // 20 % 2 else "right") for i in range(200)]
    alone = make_report(outcomes)
    grouped = dataclasses.replace(alone, groups=[f"subject {i // 20}" for i in range(200)])
    assert not alone.has_groups and grouped.has_groups
    widths = [report.intervals["top1"].high - report.intervals["top1"].low for report in (alone, grouped)]
    assert widths[0] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(200), rel=0.1)
    assert widths[1] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(10), rel=0.15)
    assert "over 10 groups" in grouped.summary() and "over 200 clips" in alone.summary()


@pytest.mark.parametrize("groups", [None, ["a"] * 4, ["a", "b", None, "c"]])
def test_without_groups_of_all_clips_the_clips_are_drawn(groups):
    report = make_report([("left", "left"), ("left", "right"), ("right", "right"), ("none", None)])
    report = dataclasses.replace(report, groups=groups)
    assert not report.has_groups
    assert report.intervals == make_report([("left", "left"), ("left", "right")] * 2).intervals | report.intervals


def test_intervals_hold_their_figures():
    rng = np.random.default_rng(0)
    report = EvaluationReport("abcdefgh", range(300), rng.integers(0, 8, 300), rng.normal(size=(300, 8)))
    for name, (low, high) in report.bootstrap(level=0.99).items():
        assert low < getattr(report, name) < high
    assert report.bootstrap() == report.intervals != report.bootstrap(seed=1)


def test_class_results():
    report = make_report([("left", "left"), ("left", "right"), ("left", None), ("right", "right")])
    left, right, none = report.class_results()
    assert left == ("left", 3, 1, pytest.approx(1 / 3), "right", 1)
    assert right == ("right", 1, 1, 1.0, None, 0)
    assert none.clips == 0 and math.isnan(none.accuracy)


def test_confused_pairs_count_both_directions():
    outcomes = [("left", "right"), ("right", "left"), ("right", "left"), ("none", "left"), ("none", "none")]
    report = make_report(outcomes)
    assert report.confused_pairs() == [("left", "right", 1, 2), ("left", "none", 0, 1)]
    assert [pair.clips for pair in report.confused_pairs()] == [3, 1]
    assert len(report.confused_pairs(1)) == 1
    assert not make_report([("left", "left")]).confused_pairs()


def test_reversed_pairs_stand_in_summary_and_json():
    outcomes = [("left", "right"), ("right", "right"), ("none", "none")]
    report = dataclasses.replace(make_report(outcomes), reversed_pairs=[["left", "right"], ["left", "none"]])
    assert report.pair_accuracy() == {("left", "right"): 0.5, ("left", "none"): 1.0}
    assert "left against right: 50.0% (1 of 2)" in report.summary()
    assert "all pairs: 66.7% (2 of 3)" in report.summary()
    content = json.loads(report.to_json())
    assert content["reversed_pairs"][0] == {
        "classes": ["left", "right"],
        "confusion": [[0, 1], [0, 1]],
        "accuracy": 0.5,
    }
    assert content["confused_pairs"] == [
        {"first": "left", "second": "right", "first_as_second": 1, "second_as_first": 0}
    ]
    assert content["classes"][0]["confused_with"] == "right"
    assert content["intervals"]["top1"] == list(report.intervals["top1"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": ["a"]}, "group for each of 2 clips. Received: 1"),
        ({"reversed_pairs": [("left", "up")]}, r"Received: pair=\('left', 'up'\)"),
    ],
)
def test_groups_and_pairs_must_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(make_report([("left", "left"), ("right", "right")]), **changes)

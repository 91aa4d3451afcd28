import warnings
from collections import Counter

import pytest

from keras_action.data import AnnotationError, Annotations, Clip, check_few_clips, cross_validation_folds

LABELS = ("clap", "none", "wave")


def make_set(counts, groups=None, parts=False):
    """Clips by label; `groups` names the group of the i-th clip of a label."""
    clips = []
    for label, count in counts.items():
        for i in range(count):
            group = groups(label, i) if groups else None
            path = f"{label}.mp4" if parts else f"{label}/{i}.mp4"
            clips.append(Clip(path, label, start=float(i) if parts else None, group=group))
    return Annotations(tuple(clips), tuple(sorted(counts)))


def test_each_clip_is_held_out_once_and_classes_are_even():
    annotations = make_set(dict.fromkeys(LABELS, 7))
    folds = cross_validation_folds(annotations, num_folds=3, seed=1)
    assert Counter(clip for _, held_out in folds for clip in held_out.clips) == Counter(annotations.clips)
    for training, held_out in folds:
        assert set(training.clips) | set(held_out.clips) == set(annotations.clips)
        assert not set(training.clips) & set(held_out.clips)
        assert set(Counter(clip.label for clip in held_out.clips).values()) <= {2, 3}
        assert training.labels == held_out.labels == LABELS
    assert folds == cross_validation_folds(annotations, num_folds=3, seed=1)
    assert folds != cross_validation_folds(annotations, num_folds=3, seed=2)


def test_a_group_is_never_divided_and_limits_the_folds():
    annotations = make_set(dict.fromkeys(LABELS, 8), groups=lambda label, i: f"day {i % 4}")
    folds = cross_validation_folds(annotations, num_folds=9)
    assert len(folds) == 4
    for training, held_out in folds:
        assert not {clip.group for clip in training.clips} & {clip.group for clip in held_out.clips}


@pytest.mark.parametrize("groups", [lambda label, i: "day 1", lambda label, i: f"{label} alone"])
def test_clips_are_divided_where_groups_would_leave_a_class_untrained(groups):
    for training, held_out in cross_validation_folds(make_set(dict.fromkeys(LABELS, 4), groups), num_folds=2):
        assert {clip.label for clip in training.clips} == {clip.label for clip in held_out.clips} == set(LABELS)
        assert {clip.group for clip in training.clips} == {groups(label, 0) for label in LABELS}


@pytest.mark.parametrize(
    ("num_folds", "groups", "message"),
    [
        (1, None, "at least two folds. Received: num_folds=1"),
        (10, None, "at least 10 clips.*Received: 9"),
        (2, lambda label, i: f"day {i}" if i else None, "all clips must have a group, or none"),
    ],
)
def test_wrong_folds(num_folds, groups, message):
    with pytest.raises(ValueError, match=message):
        cross_validation_folds(make_set(dict.fromkeys(LABELS, 3), groups), num_folds)


def test_three_clips_a_class_are_needed():
    check_few_clips(make_set(dict.fromkeys(LABELS, 3)))
    with pytest.raises(
        AnnotationError, match=r"at least 3 clips.*Received: 2 classes with fewer: clap \(2\), wave \(1\)"
    ):
        check_few_clips(make_set({"clap": 2, "none": 3, "wave": 1}))


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({}, False),
        ({"groups": lambda label, i: f"day {i % 2}"}, False),
        ({"groups": lambda label, i: "day 1" if label == "wave" else f"day {i}"}, True),
        ({"parts": True}, True),
    ],
)
def test_classes_of_one_recording_are_named(options, warned):
    annotations = make_set(dict.fromkeys(LABELS, 3), **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_few_clips(annotations)
    assert [("wave" in str(entry.message)) and "one recording" in str(entry.message) for entry in caught] == [
        True
    ] * warned

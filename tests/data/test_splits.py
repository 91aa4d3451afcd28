import dataclasses
import warnings
from collections import Counter

import numpy as np
import pytest

from keras_action.data import Annotations, Clip, split_annotations
from keras_action.data.splits import draw_clips

LABELS = ("clap", "point", "wave")


def by_subject(num_subjects=12, per_class=6, labels=LABELS):
    return Annotations(
        tuple(
            Clip(f"{subject}/{label}{i}.mp4", label, group=f"subject {subject}")
            for subject in range(num_subjects)
            for label in labels
            for i in range(per_class)
        ),
        labels,
    )


def by_clip(**counts):
    return Annotations(
        tuple(Clip(f"{label}{i}.mp4", label) for label, count in counts.items() for i in range(count)), tuple(counts)
    )


def counts(side):
    return Counter(clip.label for clip in side.clips)


def split_quietly(annotations, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return split_annotations(annotations, *args, **kwargs)


@pytest.mark.parametrize("shares", [(0.8, 0.2), (0.6, 0.2, 0.2), (0.5, 0.5)])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("make", [by_subject, lambda: by_clip(wave=50, clap=80)], ids=["subject", "clip"])
def test_every_clip_is_on_one_side_in_its_order(make, shares, seed):
    annotations = make()
    sides = split_quietly(annotations, shares, seed)
    assert sorted(clip.path for side in sides for clip in side.clips) == sorted(clip.path for clip in annotations.clips)
    place = {clip: i for i, clip in enumerate(annotations.clips)}
    for side in sides:
        assert side.labels == annotations.labels
        assert (np.diff([place[clip] for clip in side.clips]) > 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_subject_is_on_one_side_only(seed):
    rng = np.random.default_rng(seed)  # subjects of very different zeal
    clips = [Clip(f"{i}.mp4", LABELS[rng.integers(3)], group=f"s{min(9, int(rng.exponential(3)))}") for i in range(300)]
    train, test = split_quietly(Annotations(tuple(clips), LABELS), (0.7, 0.3), seed)
    assert not {clip.group for clip in train.clips} & {clip.group for clip in test.clips}
    assert 0.15 < len(test) / 300 < 0.45


def test_groups_can_be_ignored():
    annotations = by_subject()
    sides = split_quietly(annotations, by_group=False)
    bare = Annotations(tuple(dataclasses.replace(clip, group=None) for clip in annotations.clips), LABELS)
    paths = [[clip.path for clip in side.clips] for side in sides]
    assert paths == [[clip.path for clip in side.clips] for side in split_quietly(bare)]
    assert all(clip.group for side in sides for clip in side.clips)
    some = Annotations((*annotations.clips, Clip("bare.mp4", "wave")), LABELS)
    assert sum(len(side) for side in split_quietly(some, by_group=False)) == len(some)


def test_subjects_are_balanced_by_class():
    train, test = split_quietly(by_subject(num_subjects=10, per_class=20))
    assert counts(train) == dict.fromkeys(LABELS, 160)
    assert counts(test) == dict.fromkeys(LABELS, 40)


def test_subjects_who_make_one_gesture_each_are_balanced():
    """Without a look at the classes, four of five draws would leave a class out of the test set."""
    clips = tuple(Clip(f"{s}-{i}.mp4", LABELS[s % 3], group=f"s{s}") for s in range(15) for i in range(5))
    for seed in range(10):
        _, test = split_quietly(Annotations(clips, LABELS), seed=seed)
        assert counts(test) == dict.fromkeys(LABELS, 5)


def test_clips_are_balanced_by_class():
    train, test = split_quietly(by_clip(wave=50, clap=80, point=33))
    assert counts(train) == {"wave": 40, "clap": 64, "point": 26}
    assert counts(test) == {"wave": 10, "clap": 16, "point": 7}


@pytest.mark.parametrize("make", [by_subject, lambda: by_clip(wave=50, clap=80)], ids=["subject", "clip"])
def test_the_seed_decides(make):
    annotations = make()
    assert split_annotations(annotations, seed=3) == split_annotations(annotations, seed=3)
    assert len({split_annotations(annotations, seed=seed) for seed in range(5)}) > 1


def test_small_classes():
    with pytest.warns(
        UserWarning, match=r"2 of 3 classes have fewer than 5 clips on a side: clap \(3, 1\), one \(1, 0\)"
    ):
        train, test = split_annotations(by_clip(wave=50, clap=4, one=1))
    assert counts(test) == {"wave": 10, "clap": 1}
    with pytest.warns(UserWarning, match="1 of 2"):
        train, test = split_annotations(by_clip(wave=50, clap=2))  # rounding alone would give 2 and 0
    assert counts(train)["clap"] == counts(test)["clap"] == 1
    split_quietly(by_clip(wave=50, clap=2), min_clips=1)


def test_no_side_is_empty():
    one_each = by_clip(a=1, b=1, c=1)
    assert [len(side) for side in split_annotations(one_each, (0.8, 0.1, 0.1), min_clips=0)] == [1, 1, 1]
    two = by_subject(num_subjects=2)
    assert [len(side) for side in split_annotations(two, (0.99, 0.01), min_clips=0)] == [18, 18]


@pytest.mark.parametrize("shares", [(1.0,), (0.8, 0.1), (1.2, -0.2), (1, 0), 0.8, (80, 20)])
def test_wrong_shares(shares):
    with pytest.raises(ValueError, match="above 0, together 1"):
        split_annotations(by_clip(wave=50), shares)


def test_impossible_splits():
    with pytest.raises(ValueError, match=r"at least 2 groups \(subjects, sessions\), .* Received: 1"):
        split_annotations(by_subject(num_subjects=1))
    with pytest.raises(ValueError, match=r"at least 2 clips, .* Received: 1"):
        split_annotations(by_clip(wave=1))
    mixed = Annotations((*by_subject().clips, Clip("bare.mp4", "wave")), LABELS)
    with pytest.raises(ValueError, match=r"all clips must have a group, or none\. Received: no group for bare\.mp4"):
        split_annotations(mixed)


def test_drawn_clips_are_even_and_the_others_complete_them():
    annotations = by_clip(a=4, b=4)
    drawn, others = draw_clips(annotations, 3, seed=0)
    assert counts(drawn) == {"a": 3, "b": 3}
    assert sorted(drawn.clips + others.clips, key=annotations.clips.index) == list(annotations.clips)
    assert draw_clips(annotations, 3, seed=1)[0] != drawn
    everything, nothing = draw_clips(annotations, None, seed=0)
    assert everything == annotations
    assert not len(nothing)

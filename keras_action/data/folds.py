"""Folds of a cross-validation, and checks of small sets of clips."""

import warnings

from keras_action.data.clips import AnnotationError
from keras_action.data.splits import select_clips, split_sides
from keras_action.utils.text import listed

MIN_CLIPS = 3


def cross_validation_folds(annotations, num_folds=5, seed=0):
    """Splits clips into folds, each held out once while the others are trained on.

    Where all clips have a `group`, a group is never divided: the held-out clips are of people or recordings that the
    model has not seen. There are then at most as many folds as groups. Where that would leave a class without training
    clips, as with a recording for each gesture, the clips of each class are divided at random, as without groups.

    Args:
        annotations: An `Annotations`.
        num_folds: Number of folds, at least 2.
        seed: A whole number, 0 or more.

    Returns:
        A list of pairs of `Annotations`, the training clips and the held-out clips of each fold.

    Raises:
        ValueError: If there are fewer than two folds or fewer clips than folds, or only some clips have a group.

    Example:

    >>> clips = [Clip(f"{i}.mp4", label, group=f"day {i % 2}") for i in range(6) for label in ("wave", "clap")]
    >>> folds = cross_validation_folds(Annotations(tuple(clips), ("clap", "wave")))
    >>> sorted(clip.group for _, held_out in folds for clip in held_out.clips[:1])
    ['day 0', 'day 1']
    """
    if num_folds < 2:
        raise ValueError(f"There must be at least two folds. Received: num_folds={num_folds}")
    groups = {clip.group for clip in annotations.clips}
    if len(groups) == 1:
        return _folds(annotations, num_folds, seed, by_group=False)
    folds = _folds(annotations, min(num_folds, len(groups)), seed, by_group=True)
    if all(len({clip.label for clip in training.clips}) == len(annotations.labels) for training, _ in folds):
        return folds
    return _folds(annotations, num_folds, seed, by_group=False)


def check_few_clips(annotations, min_clips=MIN_CLIPS):
    """Raises an error for a class with too few clips, and warns of classes whose clips are of one recording.

    A recording is a `group`, or a file of which several parts are annotated. Clips of one recording share background,
    light and clothes: a model may learn these, and accuracy on such clips is too high.

    Args:
        annotations: An `Annotations`.
        min_clips: Smallest number of clips of a class.

    Raises:
        AnnotationError: If a class has fewer clips.
    """
    clips = {label: [clip for clip in annotations.clips if clip.label == label] for label in annotations.labels}
    small = [f"{label} ({len(own)})" for label, own in clips.items() if len(own) < min_clips]
    if small:
        raise AnnotationError(
            f"Each class needs at least {min_clips} clips, better ten. Received: {len(small)} classes with fewer: "
            f"{listed(small)}"
        )
    single = [label for label, own in clips.items() if len({clip.group or clip.path for clip in own}) == 1]
    if single:
        warnings.warn(
            f"All clips of {listed(single)} are of one recording. "
            "The model may learn the recording instead of the gesture, and its accuracy on such clips says little: "
            "add clips of another day, place or person.",
            stacklevel=2,
        )


def _folds(annotations, num_folds, seed, by_group):
    sides = split_sides(annotations, (1 / num_folds,) * num_folds, seed, by_group)
    return [
        (select_clips(annotations, sides != side), select_clips(annotations, sides == side))
        for side in range(num_folds)
    ]

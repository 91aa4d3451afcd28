import itertools

import numpy as np
import pytest

from keras_action.data import (
    Annotations,
    Augmentation,
    Clip,
    Cropping,
    Reading,
    Sequences,
    read_annotations,
    sequence_dataset,
    step_targets,
    write_video,
)
from keras_action.utils.intervals import intervals_path

COLORS = {"none": (0, 0, 0), "red": (255, 0, 0), "blue": (0, 0, 255)}
LABELS = tuple(COLORS)
WHOLE = Cropping(crop_to_aspect_ratio=False, crop_scales=(1.0,))


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Two clips of each class, of one colour, 2 s and 1 s long, of different sizes."""
    folder = tmp_path_factory.mktemp("clips")
    listed = []
    for label, color in COLORS.items():
        for seconds, size in ((2, (32, 48)), (1, (40, 40))):
            path = folder / f"{label}_{seconds}.mp4"
            frame = np.broadcast_to(np.uint8(color), (*size, 3))
            write_video(path, [frame] * (10 * seconds), fps=10)
            listed.append(Clip(str(path), label))
    return Annotations(tuple(listed), LABELS)


def dataset(clips, **options):
    options = {"num_segments": 40, "input_size": 16, "batch_size": 2, "cropping": WHOLE, **options}
    return sequence_dataset(clips, **options)


def seen(frames):
    """The label that the colour of each frame shows."""
    means = frames.astype(float).mean(axis=(-3, -2))
    names = np.array(list(COLORS.values()), float)
    return np.abs(means[..., None, :] - names).sum(-1).argmin(-1)


def right(targets):
    """The ids of the right labels of each step, as text."""
    return ["".join(map(str, np.flatnonzero(target))) for target in targets]


def test_targets_of_a_gesture_come_when_it_can_be_told_from_others():
    sequences = Sequences(time_step=0.2, label_after=0.4)
    targets, weights = step_targets([(1, 2, 12)], 16, 3, 0, sequences)
    # 55 % of ten steps are background; before the ninth step, 85 %, both are right and do not count.
    assert right(targets) == ["0"] * 7 + ["01"] * 3 + ["1"] * 4 + ["0"] * 2
    assert weights.tolist() == [0.5] * 7 + [0] * 3 + [1] * 4 + [0.5] * 2


@pytest.mark.parametrize(
    ("intervals", "steps", "labels", "weights"),
    [
        pytest.param([(1, 0, 4), (2, 4, 8)], 8, "0 0 01 1 0 0 02 2", "bbeLbbeL", id="the next gesture ends the label"),
        pytest.param([(2, 6, 16)], 12, "0 0 0 0 0 0 0 0 0 0 0 02", "bbbbbbbbbbbe", id="a gesture that is cut"),
        pytest.param([(1, 1, 2)], 6, "0 1 1 1 0 0", "bLLLbb", id="one step"),
        pytest.param([], 3, "0 0 0", "bbb", id="no gesture"),
    ],
)
@pytest.mark.parametrize("either", [0.0, 0.125])
def test_targets(intervals, steps, labels, weights, either):
    sequences = Sequences(time_step=0.2, label_after=0.4, background_weight=0.25, either_weight=either)
    actual = step_targets(intervals, steps, 3, 0, sequences)
    assert right(actual[0]) == labels.split()
    assert actual[1].tolist() == [{"b": 0.25, "e": either, "L": 1.0}[letter] for letter in weights]


def test_sequences_show_what_their_targets_say(clips):
    sequences = Sequences(time_step=0.1, speeds=(1.0, 1.0), max_pause=1.0, label_after=0.0)
    batches = dataset(clips, sequences=sequences).take(4).as_numpy_iterator()
    found = set()
    for frames, targets, weights in batches:
        assert frames.shape == (2, 40, 16, 16, 3) and frames.dtype == np.uint8
        assert targets.shape == (2, 40, 3) and weights.shape == (2, 40)
        labels = targets.argmax(-1)
        np.testing.assert_array_equal(seen(frames)[weights == 1], labels[weights == 1])
        assert (labels[weights < 1] == 0).all()
        found |= set(labels[weights == 1].tolist())
    assert found == {1, 2}


def test_labels_stay_after_the_end(clips):
    sequences = Sequences(time_step=0.1, speeds=(1.0, 1.0), max_pause=1.0, label_after=0.3)
    late = 0
    for frames, targets, _ in dataset(clips, sequences=sequences).take(8).as_numpy_iterator():
        late += int(((seen(frames) == 0) & (targets.argmax(-1) > 0)).sum())
    assert late > 10


def test_labels_come_earlier_in_the_first_sequences(clips):
    fields = {"time_step": 0.1, "speeds": (1.0, 1.0), "max_pause": 1.0, "label_after": 0.0}
    sequences = Sequences(**fields, label_from=1.0, early_sequences=4, early_label_from=0.6, either_weight=0.25)
    plain = {
        name: Sequences(**fields, label_from=share, either_weight=0.25)
        for name, share in (("early", 0.6), ("late", 1.0))
    }
    expected = {name: list(dataset(clips, sequences=kind).take(4).as_numpy_iterator()) for name, kind in plain.items()}
    for number, batch in enumerate(dataset(clips, sequences=sequences).take(4).as_numpy_iterator()):
        same = expected["early" if number < 2 else "late"][number]  # batches of two
        for ours, theirs in zip(batch, same, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert ((batch[2] == 1).sum() > 20) == (number < 2)
    # A resumed training goes on where it was.
    resumed = next(dataset(clips, sequences=sequences, initial_epoch=1).as_numpy_iterator())
    np.testing.assert_array_equal(resumed[1], expected["late"][3][1])


@pytest.mark.parametrize(("speed", "steps"), [(1.0, {10, 20}), (2.0, {5, 10}), (0.5, {20, 40})])
def test_speed(clips, speed, steps):
    sequences = Sequences(time_step=0.1, speeds=(speed, speed), max_pause=0.5)
    for frames, *_ in dataset(clips, num_segments=80, sequences=sequences).take(2).as_numpy_iterator():
        for shown in seen(frames):
            ends = np.flatnonzero(np.diff(shown, prepend=-1, append=-1))
            whole = [stop - first for first, stop in itertools.pairwise(ends) if shown[first] and stop < len(shown)]
            # Two clips of one class in a row are one run of its colour.
            assert all(
                any(length == a + b for a in steps for b in steps | {0}) or length > min(steps) for length in whole
            )
            assert all(length >= min(steps) for length in whole)


@pytest.fixture(scope="module")
def ramps(tmp_path_factory):
    """A clip of a gesture, ten frames a second, whose frames become brighter, and a dark one of the background."""
    folder = tmp_path_factory.mktemp("ramps")
    brightness = {"none": [0] * 40, "ramp": [20 + 5 * k for k in range(40)]}
    for label, values in brightness.items():
        write_video(folder / f"{label}.mp4", [np.full((32, 32, 3), value, np.uint8) for value in values], fps=10)
    return Annotations(tuple(Clip(str(folder / f"{label}.mp4"), label) for label in brightness), tuple(brightness))


@pytest.mark.parametrize(("max_dropped", "held"), [(0.0, (0, 0)), (0.8, (0.25, 0.55))])
def test_dropped_frames_hold_the_frame_before(ramps, max_dropped, held):
    sequences = Sequences(time_step=0.1, speeds=(1.0, 1.0), max_pause=0.0, max_dropped=max_dropped)
    shares = []
    for frames, *_ in dataset(ramps, sequences=sequences).take(10).as_numpy_iterator():
        for shown in frames.mean(axis=(-3, -2, -1)):  # one clip, from its first frame to its last
            steps = np.diff(shown)
            assert (steps > -1.5).all()
            assert (shown < 20 + 5 * np.arange(40) + 1.5).all()  # never a frame that comes later
            shares.append((steps < 2.5).mean())
    assert held[0] <= np.mean(shares) <= held[1]
    assert max_dropped == 0 or np.std(shares) > 0.1  # each sequence has its own share


def test_the_same_sequences_from_a_seed_and_after_a_resume(clips):
    options = {"augmentation": Augmentation(color_jitter=0.4), "cropping": Cropping(), "seed": 3}
    first, second = (list(dataset(clips, **options).take(6).as_numpy_iterator()) for _ in range(2))
    resumed = list(dataset(clips, **options, initial_epoch=1).take(3).as_numpy_iterator())
    for a, b in zip(first, second, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    for a, b in zip(first[3:], resumed, strict=True):  # six clips: an epoch has three batches of two
        np.testing.assert_array_equal(a[0], b[0])
    other = next(dataset(clips, **{**options, "seed": 4}).as_numpy_iterator())
    assert (other[0] != first[0][0]).any()


def test_a_cache_changes_nothing(clips):
    plain, cached = (dataset(clips, reading=Reading(cache=cache)).take(3) for cache in (False, True))
    for a, b in zip(plain.as_numpy_iterator(), cached.as_numpy_iterator(), strict=True):
        np.testing.assert_allclose(a[0].astype(int), b[0].astype(int), atol=1)
        np.testing.assert_array_equal(a[1], b[1])


@pytest.fixture(scope="module")
def stream_folder(tmp_path_factory):
    """Two streams of 20 s at 10 frames a second, black where there is no gesture, and their truth."""
    folder = tmp_path_factory.mktemp("streams")
    truths = ((("red", 1, 3), ("blue", 4.5, 5.5), ("blue", 16, 20)), (("blue", 0, 2), ("red", 2, 4), ("none", 8, 9)))
    for number, truth in enumerate(truths):
        frames = np.zeros((200, 32, 48, 3), np.uint8)
        for label, start, end in truth:
            frames[round(10 * start) : round(10 * end)] = COLORS[label]
        path = folder / f"stream_{number}.mp4"
        write_video(path, frames, fps=10)
        rows = "".join(f"{label},{start},{end}\n" for label, start, end in truth)
        intervals_path(path).write_text(f"label,start,end\n{rows}")
    return folder


def test_a_folder_of_streams_is_read_as_gestures_and_pauses(stream_folder):
    annotations = read_annotations(stream_folder)
    assert annotations.labels == ("blue", "none", "red")
    first = [(clip.label, clip.start, clip.end) for clip in annotations.clips if clip.path.endswith("stream_0.mp4")]
    pauses = [("none", 0.0, 1.0), ("none", 3.0, 4.5), ("none", 5.5, 16.0)]
    assert first == sorted([*pauses, ("red", 1, 3), ("blue", 4.5, 5.5), ("blue", 16, 20)], key=lambda clip: clip[1])
    assert read_annotations(stream_folder, labels=LABELS).labels == LABELS
    with pytest.raises(ValueError, match=r"stream_0.mp4.csv: unknown label; known are none, red. Received: 'blue'"):
        read_annotations(stream_folder, labels=("none", "red"))


@pytest.mark.parametrize("speed", [1.0, 1.25])
@pytest.mark.parametrize("steps", [30, 400])
def test_sections_of_streams_show_what_their_targets_say(stream_folder, speed, steps):
    """400 steps are longer than a stream: several sections follow each other."""
    sequences = Sequences(time_step=0.1, speeds=(speed, speed), label_after=0.0)
    streams = read_annotations(stream_folder, labels=LABELS)
    found, begins = set(), set()
    for batch in dataset(streams, num_segments=steps, sequences=sequences).take(6).as_numpy_iterator():
        for frames, labels, weights in zip(batch[0], batch[1].argmax(-1), batch[2], strict=True):
            shown = seen(frames)
            np.testing.assert_array_equal(shown[weights == 1], labels[weights == 1])
            assert (labels[weights < 1] == 0).all()
            found |= set(labels[weights == 1].tolist())
            begins.add(tuple(shown[:20]))
    assert found == {1, 2}
    assert len(begins) > 2 or steps == 400  # sections begin anywhere


def test_streams_and_clips_together(clips, stream_folder):
    streams = read_annotations(stream_folder, labels=LABELS)
    both = Annotations(clips.clips + streams.clips, LABELS)
    sizes = set()
    for frames, labels, weights in dataset(both, num_segments=30).take(8).as_numpy_iterator():
        np.testing.assert_array_equal(seen(frames)[weights == 0] > 0, True)
        sizes.add(int((labels.argmax(-1) > 0).sum()))
    assert len(sizes) > 1


def test_classes_come_equally_often(clips):
    reds, others = [[c for c in clips.clips if (c.label == "red") is is_red] for is_red in (True, False)]
    more_reds = Annotations((*reds * 10, *others), LABELS)
    counts = np.zeros(3)
    for _, targets, weights in dataset(more_reds, num_segments=100).take(20).as_numpy_iterator():
        labels = np.where(weights == 1, targets.argmax(-1), 0)
        starts = (np.diff(labels, axis=1, prepend=0) != 0) & (labels > 0)
        counts += np.bincount(labels[starts], minlength=3)
    assert counts[1:].sum() > 100 and 0.35 < counts[1] / counts[1:].sum() < 0.65


def test_gestures_of_a_stream_must_not_overlap(clips):
    path = clips.clips[0].path
    overlapping = Annotations((Clip(path, "red", 0.2, 1.0), Clip(path, "blue", 0.8, 1.5)), LABELS)
    with pytest.raises(ValueError, match=r"must not overlap. Received: 0.2 to 1 s, and 0.8 to 1.5 s"):
        dataset(overlapping)


def test_a_clip_that_cannot_be_read_is_replaced(clips, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = Annotations((*clips.clips, Clip(str(tmp_path / "broken.mp4"), "red")), LABELS)
    from keras_action.data import FailureLog

    failures = FailureLog(max_share=0.5)
    for frames, *_ in dataset(broken, failures=failures).take(4).as_numpy_iterator():
        assert set(np.unique(seen(frames))) <= {0, 1, 2}
    assert len(failures) == 1


@pytest.mark.parametrize("kept", [("red", "blue"), ("none",)])
def test_gestures_and_background_are_needed(clips, kept):
    some = Annotations(tuple(clip for clip in clips.clips if clip.label in kept), kept)
    with pytest.raises(ValueError, match=r'Sequences need clips of gestures and of the background.*a class "none"'):
        dataset(some)


def test_frame_folders_are_refused(clips, tmp_path):
    (tmp_path / "folder").mkdir()
    some = Annotations((*clips.clips, Clip(str(tmp_path / "folder"), "red")), LABELS)
    with pytest.raises(ValueError, match=r"joined from videos, not from frame folders or shards\. Received: .*folder"):
        dataset(some)


@pytest.mark.parametrize("field", [{"flip": True}, {"mixup_alpha": 0.2}, {"rand_augment_ops": 2}])
def test_other_augmentation_is_refused(clips, field):
    with pytest.raises(ValueError, match=f"by `color_jitter` and crops only. Received: {{'{next(iter(field))}'"):
        dataset(clips, augmentation=Augmentation(**field))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"time_step": 0}, "time_step"),
        ({"speeds": (1.3, 0.7)}, "`speeds` must be the least and the greatest"),
        ({"speeds": (1.0,)}, "`speeds` must be the least and the greatest"),
        ({"background_until": 0.9}, "`background_until` must be at most `label_from`"),
        (
            {"background_until": 0.9, "label_from": 1.0, "early_sequences": 1},
            "`background_until` must be at most `early_label_from`",
        ),
        ({"max_pause": -1}, "max_pause"),
        ({"max_dropped": 1.0}, "max_dropped"),
    ],
)
def test_settings(fields, message):
    with pytest.raises(ValueError, match=message):
        Sequences(**fields)

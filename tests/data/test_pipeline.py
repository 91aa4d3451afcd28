import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import (
    Annotations,
    Clip,
    FailureLog,
    TooManyFailuresError,
    evaluation_dataset,
    steps_per_epoch,
    training_dataset,
    write_video,
)

NUM_CLIPS = 12
SETTINGS = {"num_segments": 4, "input_size": 32, "batch_size": 4}


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    """Clip i is of one grey, 20 · i: one sees in a batch which clip it was."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    clips = []
    for i in range(NUM_CLIPS):
        frames = 20 * i + rng.integers(0, 6, (10, 40, 48, 3))
        write_video(folder / f"{i}.mp4", frames.astype(np.uint8), crf=4)
        clips.append(Clip(str(folder / f"{i}.mp4"), ("even", "odd")[i % 2]))
    return Annotations(tuple(clips), ("even", "odd"))


@pytest.fixture
def with_bad_files(annotations, tmp_path):
    """The same with clip 3 missing, clip 5 empty and clip 8 a text."""
    (tmp_path / "5.mp4").touch()
    (tmp_path / "8.mp4").write_text("Not a video.\n" * 100)
    clips = list(annotations.clips)
    for i in (3, 5, 8):
        clips[i] = Clip(str(tmp_path / f"{i}.mp4"), clips[i].label)
    return Annotations(tuple(clips), annotations.labels)


def which(clips):
    return np.round((np.mean(clips, (1, 2, 3, 4)) - 2.5) / 20).astype(int).tolist()


def all_of(batches):
    return [i for clips, *_ in batches for i in which(clips)]


def take(dataset, count):
    return [tuple(np.asarray(tensor) for tensor in batch) for batch in dataset.take(count)]


def assert_same(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        for tensor, expected in zip(batch, other, strict=True):
            np.testing.assert_array_equal(tensor, expected)


def test_steps_per_epoch():
    assert [steps_per_epoch(n, 4) for n in (4, 7, 8)] == [1, 1, 2]
    for num_clips, batch_size in ((3, 4), (3, 0)):
        with pytest.raises(ValueError, match=f"Received: batch_size={batch_size}, 3 clips"):
            steps_per_epoch(num_clips, batch_size)


# --- Training ---


def test_training_batches(annotations):
    dataset = training_dataset(annotations, **SETTINGS)
    assert dataset.element_spec == (
        tf.TensorSpec((4, 4, 32, 32, 3), tf.uint8),
        tf.TensorSpec((4,), tf.int32),
    )
    for clips, labels in take(dataset, 6):
        assert [i % 2 for i in which(clips)] == labels.tolist()


def test_every_epoch_is_another_permutation(annotations):
    batches = take(training_dataset(annotations, **SETTINGS), 9)
    epochs = [all_of(batches[i : i + 3]) for i in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(NUM_CLIPS)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_what_is_left_over_changes(annotations):
    dataset = training_dataset(annotations, **{**SETTINGS, "batch_size": 5})
    batches = take(dataset, 40)
    epochs = [all_of(batches[i : i + 2]) for i in range(0, 40, 2)]
    assert all(len(set(epoch)) == 10 for epoch in epochs)
    assert set().union(*epochs) == set(range(NUM_CLIPS))


@pytest.mark.parametrize("color_jitter", [0.0, 0.3])
def test_same_seed_same_clips_whatever_the_threads(annotations, color_jitter):
    def batches(threads, **settings):
        dataset = training_dataset(annotations, **SETTINGS, color_jitter=color_jitter, **settings)
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        return take(dataset.with_options(options), 6)

    expected = batches(1, seed=5)
    assert_same(batches(8, seed=5), expected)
    assert_same(batches(4, seed=5, cache=True), expected)
    assert_same(batches(2, seed=5, cache=70_000), expected)
    assert any((a[0] != b[0]).any() for a, b in zip(batches(2, seed=6), expected, strict=True))


def test_resume(annotations):
    whole = take(training_dataset(annotations, **SETTINGS, seed=1), 9)
    assert_same(take(training_dataset(annotations, **SETTINGS, seed=1, initial_epoch=2), 3), whole[6:])


def test_cached_clips_are_augmented_anew(annotations):
    one = Annotations(annotations.clips[:1], annotations.labels)
    settings = {**SETTINGS, "batch_size": 1}
    first, second = take(training_dataset(one, **settings, cache=True), 2)
    assert (first[0] != second[0]).any()


def test_cached_clips_need_no_file(annotations, tmp_path):
    clips = []
    for clip in annotations.clips[:4]:
        clips.append(Clip(shutil.copy(clip.path, tmp_path), clip.label))
    dataset = iter(training_dataset(Annotations(tuple(clips), annotations.labels), **SETTINGS, cache=True))
    next(dataset)
    for path in tmp_path.iterdir():
        path.unlink()
    for _ in range(5):
        next(dataset)


def test_parts_of_a_video(tmp_path):
    frames = np.repeat(np.arange(0, 200, 10, dtype=np.uint8), 32 * 32 * 3).reshape(20, 32, 32, 3)
    write_video(tmp_path / "a.mp4", frames, fps=10, crf=4)
    path = str(tmp_path / "a.mp4")
    annotations = Annotations((Clip(path, "a", 0.0, 1.0), Clip(path, "b", 1.0, 2.0)), ("a", "b"))
    dataset = training_dataset(annotations, num_segments=4, input_size=32, batch_size=2)
    for clips, labels in take(dataset, 5):
        for clip, label in zip(clips, labels, strict=True):
            assert ((clip >= 95) == label).all()


def test_fit(annotations):
    import keras

    model = keras.Sequential([keras.layers.GlobalAveragePooling3D(), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, weighted_metrics=["accuracy"])
    dataset = training_dataset(annotations, **SETTINGS).map(lambda x, y: (tf.cast(x, tf.float32) / 255, y))
    model.fit(dataset, steps_per_epoch=3, epochs=2, verbose=0)
    model.evaluate(evaluation_dataset(annotations, **SETTINGS), verbose=0)


def test_set_smaller_than_a_batch(annotations):
    with pytest.raises(ValueError, match="Received: batch_size=13, 12 clips"):
        training_dataset(annotations, **{**SETTINGS, "batch_size": 13})


# --- Evaluation ---


def test_evaluation_batches(annotations):
    dataset = evaluation_dataset(annotations, **{**SETTINGS, "batch_size": 5})
    batches = take(dataset, 10)
    assert [len(clips) for clips, _, _ in batches] == [5, 5, 2]
    clips, labels, weights = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert which(clips) == list(range(NUM_CLIPS))
    assert (clips.dtype, labels.dtype, weights.dtype) == (np.uint8, np.int32, np.float32)
    np.testing.assert_array_equal(labels, annotations.label_ids())
    np.testing.assert_array_equal(weights, 1)
    assert_same(take(dataset, 10), batches)


def test_evaluation_sees_the_middle(tmp_path):
    frames = np.zeros((8, 40, 80, 3), np.uint8)
    frames[:, :, 20:60] = 250
    frames[::2] //= 2  # the middles of four segments are frames 1, 3, 5, 7
    write_video(tmp_path / "a.mp4", frames, crf=4)
    annotations = Annotations((Clip(str(tmp_path / "a.mp4"), "a"),), ("a",))
    [(clips, _, _)] = take(evaluation_dataset(annotations, **SETTINGS), 2)
    assert np.abs(clips[:, :, :, 2:-2].astype(int) - 250).max() < 8


# --- Files that can't be decoded ---


def test_training_goes_on(with_bad_files):
    failures = FailureLog(max_share=0.5)
    with pytest.warns(UserWarning, match="A clip is left out") as caught:
        batches = take(training_dataset(with_bad_files, **SETTINGS, failures=failures), 12)
    seen = all_of(batches)
    assert len(seen) == 48
    assert set(seen) == set(range(NUM_CLIPS)) - {3, 5, 8}
    for clips, labels in batches:  # a replacement comes with its own label
        assert [i % 2 for i in which(clips)] == labels.tolist()
    messages = [str(warning.message) for warning in caught if "left out" in str(warning.message)]
    assert len(messages) == 3  # once each, in four epochs
    for name in ("3.mp4: no such file", "5.mp4: the file is empty", "8.mp4: Invalid data"):
        assert sum(name in message for message in messages) == 1
        assert name in failures.summary()
    assert failures.summary().startswith("3 of 12 clips could not be decoded:")


@pytest.mark.filterwarnings("ignore:A clip is left out")
def test_bad_files_leave_the_order_alone(with_bad_files):
    first, second = (
        take(training_dataset(with_bad_files, **SETTINGS, failures=FailureLog(0.5), cache=cache), 9)
        for cache in (False, True)
    )
    assert_same(first, second)
    resumed = training_dataset(with_bad_files, **SETTINGS, failures=FailureLog(0.5), initial_epoch=1)
    assert_same(take(resumed, 6), first[3:])


@pytest.mark.filterwarnings("ignore:A clip is left out")
@pytest.mark.parametrize("make", [training_dataset, evaluation_dataset])
def test_too_many_failures(with_bad_files, make):
    failures = FailureLog(max_share=0.1)
    with pytest.raises(tf.errors.OpError, match=r"More than 10% of 12 clips can't be decoded"):
        take(make(with_bad_files, **SETTINGS, failures=failures), 6)
    with pytest.raises(TooManyFailuresError, match=r"\d.mp4"):
        failures.raise_if_too_many()


@pytest.mark.filterwarnings("ignore:A clip is left out")
def test_no_clip_at_all(tmp_path):
    annotations = Annotations(tuple(Clip(str(tmp_path / f"{i}.mp4"), "a") for i in range(4)), ("a",))
    with pytest.raises(tf.errors.OpError, match="No clip can be decoded"):
        take(training_dataset(annotations, **SETTINGS, failures=FailureLog(max_share=1.0)), 1)


@pytest.mark.filterwarnings("ignore:A clip is left out")
def test_evaluation_gives_bad_files_no_weight(with_bad_files):
    failures = FailureLog(max_share=0.5)
    batches = take(evaluation_dataset(with_bad_files, **SETTINGS, failures=failures), 3)
    clips, labels, weights = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    np.testing.assert_array_equal(np.flatnonzero(weights == 0), [3, 5, 8])
    assert not clips[weights == 0].any()
    np.testing.assert_array_equal(labels, with_bad_files.label_ids())
    assert list(failures.failures) == sorted((with_bad_files.clips[i] for i in (3, 5, 8)), key=lambda c: c.path)

import dataclasses
import hashlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_action.data import (
    Annotations,
    Augmentation,
    Clip,
    Cropping,
    FailureLog,
    Reading,
    TooManyFailuresError,
    evaluation_dataset,
    sample_clips,
    steps_per_epoch,
    training_dataset,
    write_video,
)
from keras_action.training.build import training_batches
from keras_action.training.recipe import Recipe

NUM_CLIPS = 12
SETTINGS = {"num_segments": 4, "input_size": 32, "batch_size": 4}
WHOLE = {**SETTINGS, "cropping": Cropping(crop_scales=(1,))}
EXCHANGED, UNCHANGED = ("left:right",), ("left:left", "right:right")


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


@pytest.mark.parametrize("color_jitter", [pytest.param(0.0, marks=pytest.mark.slow), 0.3])
def test_same_seed_same_clips_whatever_the_threads(annotations, color_jitter):
    def batches(threads, **settings):
        dataset = training_dataset(
            annotations, **SETTINGS, augmentation=Augmentation(color_jitter=color_jitter), **settings
        )
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        return take(dataset.with_options(options), 6)

    expected = batches(1, seed=5)
    assert_same(batches(8, seed=5), expected)
    assert_same(batches(4, seed=5, reading=Reading(cache=True)), expected)
    assert_same(batches(2, seed=5, reading=Reading(cache=70_000)), expected)
    assert any((a[0] != b[0]).any() for a, b in zip(batches(2, seed=6), expected, strict=True))


def test_resume(annotations):
    whole = take(training_dataset(annotations, **SETTINGS, seed=1), 9)
    assert_same(take(training_dataset(annotations, **SETTINGS, seed=1, initial_epoch=2), 3), whole[6:])


def test_cached_clips_are_augmented_anew(annotations):
    one = Annotations(annotations.clips[:1], annotations.labels)
    settings = {**SETTINGS, "batch_size": 1}
    first, second = take(training_dataset(one, **settings, reading=Reading(cache=True)), 2)
    assert (first[0] != second[0]).any()


def test_cached_clips_need_no_file(annotations, tmp_path):
    clips = []
    for clip in annotations.clips[:4]:
        clips.append(Clip(shutil.copy(clip.path, tmp_path), clip.label))
    dataset = iter(
        training_dataset(Annotations(tuple(clips), annotations.labels), **SETTINGS, reading=Reading(cache=True))
    )
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


def test_python_ends_though_a_data_set_is_still_read(annotations):
    """An iterator of a data set without end, alive when Python ends, made it wait for ever."""
    code = """
import sys
from keras_action.data import Annotations, Clip, training_dataset
clips = tuple(Clip(path, "a") for path in sys.argv[1:])
dataset = training_dataset(Annotations(clips, ("a",)), num_segments=4, input_size=32, batch_size=4)
iterator = iter(dataset)
next(iterator)
"""
    paths = [clip.path for clip in annotations.clips]
    subprocess.run([sys.executable, "-c", code, *paths], check=True, timeout=120)


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
        take(training_dataset(with_bad_files, **SETTINGS, failures=FailureLog(0.5), reading=Reading(cache=cache)), 9)
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


# --- Augmentation, sampling, views ---


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"flip": True}, "after a flip. Give the pairs of classes, flip_pairs="),
        ({"reversal": True}, "after a reversal. Give the pairs of classes, reversal_pairs="),
    ],
)
def test_classes_of_unknown_pairs(annotations, fields, message):
    """`even` and `odd` are in no known pair; the error names the field, without a trace of AutoGraph."""
    with pytest.raises(ValueError, match=f"^No class has a known label {message}"):
        training_dataset(annotations, **SETTINGS, augmentation=Augmentation(**fields))


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Frame folders of noise, as PNG: the same pixels with every version of the decoders."""
    folder, rng = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    clips = []
    for i in range(6):
        (folder / str(i)).mkdir()
        for number in range(1, 6):
            frame = rng.integers(0, 256, (36, 48, 3), dtype=np.uint8)
            Image.fromarray(frame).save(folder / str(i) / f"{number:05}.png")
        clips.append(Clip(str(folder / str(i)), ("left", "right")[i % 2]))
    return Annotations(tuple(clips), ("left", "right"))


@pytest.fixture
def without_opencv(monkeypatch):
    """Resizes by TensorFlow, to the same pixels everywhere; see test_resizing.py for OpenCV."""
    monkeypatch.setitem(sys.modules, "cv2", None)


@pytest.mark.usefixtures("without_opencv")
@pytest.mark.parametrize(
    ("fields", "digest"),
    [
        ({"color_jitter": 0.0, "sampling": "reference", "crop_scales": (1.0, 0.5)}, "f9bbc2215db43b9d"),
        (
            {"crop_to_aspect_ratio": False, "sampling": "dense", "flip": True, "flip_pairs": EXCHANGED},
            "09cba67da4b714c7",
        ),
        (
            {"rand_augment_ops": 2, "rand_augment_magnitude": 0.5, "reversal": True, "reversal_pairs": EXCHANGED},
            "f71a1bd3f11e4ebc",
        ),
        (
            {
                **{"mixup_alpha": 0.2, "cutmix_alpha": 1.0, "color_jitter": 0.4, "cache": True},
                **{"flip": True, "flip_pairs": EXCHANGED, "reversal": True, "reversal_pairs": EXCHANGED},
            },
            "ec04b61aabb0eed4",
        ),
    ],
)
def test_batches_of_a_seed_stay_the_same(noise, fields, digest):
    """Over versions of this package: a resumed run must get the clips that it would have had."""
    recipe = Recipe(num_segments=4, input_size=32, batch_size=3, seed=7).replace(**fields)
    assert digest_of(training_batches(recipe, noise).take(3)) == digest


@pytest.mark.usefixtures("without_opencv")
def test_views_of_a_seed_stay_the_same(noise):
    views = evaluation_dataset(
        noise,
        num_segments=3,
        input_size=20,
        batch_size=4,
        sampling="reference",
        cropping=Cropping(short_side=30),
        num_clips=2,
        num_crops=3,
        seed=3,
    )
    assert digest_of(views) == "cff5f55aa250625f"


def digest_of(batches):
    sums = hashlib.sha256()
    for batch in batches:
        for tensor in batch:
            sums.update(np.asarray(tensor).tobytes())
    return sums.hexdigest()[:16]


@pytest.fixture(scope="module")
def sided(tmp_path_factory):
    """Clips of one of the two halves lit, on a sweep from dark to bright: one sees side, direction and frames."""
    folder = tmp_path_factory.mktemp("sided")
    clips = []
    for i in range(8):
        frames = np.zeros((12, 40, 40, 3), np.uint8)
        half = slice(0, 20) if i % 2 == 0 else slice(20, 40)
        frames[:, :, half] = 20 * np.arange(12)[:, None, None, None]
        write_video(folder / f"{i}.mp4", frames, crf=4)
        clips.append(Clip(str(folder / f"{i}.mp4"), ("left", "right")[i % 2]))
    return Annotations(tuple(clips), ("left", "right"))


def lit_side(clips):
    return (clips[..., 16:, :].mean((1, 2, 3, 4)) > clips[..., :16, :].mean((1, 2, 3, 4))).astype(int).tolist()


def falls(clips):
    frames = clips.mean((2, 3, 4))
    return (frames[:, 0] > frames[:, -1]).tolist()


def test_flips_change_the_label(sided):
    plain = take(training_dataset(sided, **WHOLE), 8)
    flipped = take(training_dataset(sided, **WHOLE, augmentation=Augmentation(flip=True, flip_pairs=EXCHANGED)), 8)
    for clips, labels in flipped:
        assert lit_side(clips) == labels.tolist()
    changed = [(a[1] != b[1]).tolist() for a, b in zip(plain, flipped, strict=True)]
    assert 8 <= sum(map(sum, changed)) <= 24  # half of 32


def test_reversals_change_the_label(sided):
    # As if the one class were the other played backwards.
    augmentation = Augmentation(reversal=True, reversal_pairs=EXCHANGED)
    reversed_, count = [], 0
    for clips, labels in take(training_dataset(sided, **WHOLE, augmentation=augmentation), 8):
        reversed_ += falls(clips)
        count += sum(np.array(lit_side(clips)) != labels)
    assert sum(reversed_) == count and 8 <= count <= 24


@pytest.mark.parametrize("name", ["mixup_alpha", pytest.param("cutmix_alpha", marks=pytest.mark.slow), "both"])
def test_mixtures(sided, name):
    alphas = {"mixup_alpha": 1.0, "cutmix_alpha": 1.0} if name == "both" else {name: 1.0}
    settings = {**WHOLE, "augmentation": Augmentation(**alphas)}
    dataset = training_dataset(sided, **settings)
    assert dataset.element_spec[1] == tf.TensorSpec((4, 2), tf.float32)
    batches = take(dataset, 6)
    assert_same(take(training_dataset(sided, **settings, initial_epoch=1), 2), batches[2:4])
    for clips, labels in batches:
        np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
        if name == "mixup_alpha":
            clear = np.abs(labels[:, 0] - labels[:, 1]) > 0.5
            np.testing.assert_array_equal(np.array(lit_side(clips))[clear], labels.argmax(1)[clear])
    assert any((labels > 0.01).all(1).any() for _, labels in batches)


def test_all_augmentations_together_are_repeatable(sided):
    def batches(threads):
        dataset = training_dataset(
            sided,
            **SETTINGS,
            seed=3,
            augmentation=Augmentation(
                color_jitter=0.3,
                rand_augment_ops=2,
                flip=True,
                flip_pairs=EXCHANGED,
                reversal=True,
                reversal_pairs=UNCHANGED,
                mixup_alpha=0.2,
                cutmix_alpha=1.0,
            ),
            clip_augmentation=lambda clip, seed: 255 - tf.image.stateless_random_brightness(clip, 0.2, seed),
        )
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        return take(dataset.with_options(options), 4)

    expected = batches(1)
    assert_same(batches(6), expected)
    assert len({clips.tobytes() for clips, _ in expected}) == 4


def test_one_augmentation_leaves_the_draws_of_the_others_alone(sided):
    flips = Augmentation(flip=True, flip_pairs=EXCHANGED)
    all_three = dataclasses.replace(flips, color_jitter=0.3, reversal=True, reversal_pairs=UNCHANGED)
    plain, more = (take(training_dataset(sided, **SETTINGS, augmentation=a), 4) for a in (flips, all_three))
    for (_, labels), (_, others) in zip(plain, more, strict=True):
        np.testing.assert_array_equal(labels, others)


def test_an_augmentation_that_changes_the_shape(sided):
    with pytest.raises(ValueError, match="shape"):
        training_dataset(sided, **SETTINGS, clip_augmentation=lambda clip, seed: clip[:, :10])


@pytest.mark.parametrize("make", [training_dataset, evaluation_dataset])
def test_sampling(sided, make):
    settings = {**SETTINGS, "num_segments": 8}
    frames = {}
    for sampling in ("segments", "dense"):
        clips = take(make(sided, **settings, sampling=sampling), 1)[0][0]
        frames[sampling] = np.round(clips.max((2, 3, 4)) / 20).astype(int).tolist()
    # Twelve frames for a stride of eight: 0, 8, 4, 0, …, from some frame on.
    assert all((np.diff(row) % 12 == 8).all() for row in frames["dense"])
    assert all((np.diff(row) >= 0).all() for row in frames["segments"])
    with pytest.raises(ValueError, match=r"one of .* Received: method='uniform'"):
        make(sided, **settings, sampling="uniform")


def test_views(sided):
    settings = {"num_segments": 4, "input_size": 20, "batch_size": 3, "num_clips": 3}
    spread = evaluation_dataset(sided, **settings)
    assert spread.element_spec[0].shape == (None, 3, 4, 20, 20, 3)
    clips, labels, _ = take(spread, 1)[0]
    frames = np.round(clips.max((3, 4, 5)) / 20).astype(int)
    assert frames[0].tolist() == sample_clips(12, 4, 3).tolist()
    assert labels.tolist() == [0, 1, 0]
    drawn = take(evaluation_dataset(sided, **settings, seed=1), 3)
    assert_same(take(evaluation_dataset(sided, **settings, seed=1), 3), drawn)
    assert (drawn[0][0][0] != drawn[0][0][2]).any()  # of two videos that are alike
    with pytest.raises(ValueError, match="where there is no `rng`"):
        evaluation_dataset(sided, **settings, sampling="reference")


def test_three_crops(annotations):
    settings = {"num_segments": 4, "input_size": 32, "batch_size": 2}
    three = evaluation_dataset(annotations, **settings, num_crops=3)
    assert three.element_spec[0].shape == (None, 3, 4, 32, 32, 3)
    views = take(three, 1)[0][0]
    centre = take(evaluation_dataset(annotations, **settings), 1)[0][0]
    np.testing.assert_allclose(views[:, 1].astype(int), centre, atol=6)
    both = take(evaluation_dataset(annotations, **settings, num_crops=3, num_clips=2), 1)[0][0]
    assert both.shape == (2, 6, 4, 32, 32, 3)
    assert (both[:, :2].mean((2, 3, 4, 5)) > 0).tolist() == [[True, True], [True, True]]
    for wrong in ({"num_crops": 2}, {"num_crops": 3, "input_size": (32, 40)}):
        with pytest.raises(ValueError, match="Received: num_crops="):
            evaluation_dataset(annotations, **{**settings, **wrong})

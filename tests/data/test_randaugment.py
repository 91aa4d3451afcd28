import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import randaugment as module
from keras_action.data.randaugment import _OPERATIONS, rand_augment


@pytest.fixture(scope="module")
def clip():
    rng = np.random.default_rng(0)
    small = rng.uniform(20, 220, (3, 6, 8, 3))
    return tf.cast(tf.image.resize(small, (48, 64)), tf.uint8).numpy()


def test_eager_equals_tf_data(clip):
    seeds = np.stack([np.arange(40), np.arange(40) + 7], -1).astype(np.int32)
    eager = [rand_augment(clip, seed, magnitude=0.7).numpy() for seed in seeds]
    dataset = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: rand_augment(clip, seed, magnitude=0.7))
    for expected, result in zip(eager, dataset, strict=True):
        assert result.dtype == tf.uint8
        assert result.shape == clip.shape
        np.testing.assert_array_equal(result, expected)
    assert len({result.tobytes() for result in eager}) > 30


def test_seed_decides(clip):
    first, again, other = (rand_augment(clip, seed, magnitude=1).numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", _OPERATIONS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_all_frames_are_treated_alike(clip, name, sign):
    still = np.repeat(clip[:1], 4, 0)
    result = np.array(_OPERATIONS[name](still, 0.7, tf.constant(sign)))
    assert result.dtype == np.uint8
    assert result.shape == still.shape
    for frame in result[1:]:
        np.testing.assert_array_equal(frame, result[0])
    assert (result != still).any() == (name != "identity")


@pytest.mark.parametrize("name", ["auto_contrast", "equalize", "contrast"])
def test_statistics_are_those_of_the_whole_clip(name):
    """A frame that is brighter than its neighbours stays so."""
    clip = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (40, 90, 200)])
    means = _OPERATIONS[name](clip, 0.5, tf.constant(1.0)).numpy().astype(int).mean((1, 2, 3))
    assert means[0] + 20 < means[1] < means[2] - 20


@pytest.mark.parametrize("name", [name for name in _OPERATIONS if name not in ("auto_contrast", "equalize")])
def test_strength_0_changes_nothing(clip, name):
    np.testing.assert_array_equal(_OPERATIONS[name](clip, 0.0, tf.constant(1.0)), clip)


def test_only_the_drawn_operation_runs(clip, monkeypatch):
    ran = []

    def spy(name, operation):
        def run(*arguments):
            tf.py_function(lambda: ran.append(name), (), ())
            return operation(*arguments)

        return run

    monkeypatch.setattr(module, "_OPERATIONS", {name: spy(name, op) for name, op in _OPERATIONS.items()})
    seeds = np.stack([np.zeros(60), np.arange(60)], -1).astype(np.int32)
    for _ in tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: rand_augment(clip, seed, num_ops=2)):
        pass
    assert len(ran) == 120
    assert set(ran) == set(_OPERATIONS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("translate_x", lambda clip: clip[:, :, 9:]),
        ("translate_y", lambda clip: clip[:, 9:]),
    ],
)
def test_translate(clip, name, expected):
    clip = clip[:, :40, :40]  # a whole number of pixels: 0.45 · 0.5 · 40
    result = _OPERATIONS[name](clip, 0.5, tf.constant(1.0)).numpy()
    expected = expected(clip)
    np.testing.assert_array_equal(result[:, : expected.shape[1], : expected.shape[2]], expected)
    assert (result[:, expected.shape[1] :] == 128).all()
    assert (result[:, :, expected.shape[2] :] == 128).all()


def test_rotate_and_shear_keep_the_centre():
    clip = np.zeros((2, 41, 41, 3), np.uint8)
    clip[:, 19:22, 19:22] = 255
    for name in ("rotate", "shear_x", "shear_y"):
        result = _OPERATIONS[name](clip, 1.0, tf.constant(1.0)).numpy()
        assert (result[:, 20, 20] == 255).all()


def test_equalize_and_auto_contrast_use_the_whole_range():
    ramp = np.tile(np.arange(50, 114, dtype=np.uint8)[None, None, :, None], (2, 4, 1, 3))
    for name in ("equalize", "auto_contrast"):
        result = _OPERATIONS[name](ramp, 0.5, tf.constant(1.0)).numpy()
        np.testing.assert_allclose(result[0, 0, :, 0], np.linspace(0, 255, 64), atol=1)
    flat = np.full((2, 4, 4, 3), 77, np.uint8)
    for name in ("equalize", "auto_contrast"):
        np.testing.assert_array_equal(_OPERATIONS[name](flat, 0.5, tf.constant(1.0)), flat)


def test_frames_of_unknown_size(clip):
    dataset = tf.data.Dataset.from_generator(
        lambda: [clip, clip[:, :20]], output_signature=tf.TensorSpec((3, None, None, 3), tf.uint8)
    ).map(lambda frames: rand_augment(frames, (3, 4)))
    assert [result.shape for result in dataset] == [(3, 48, 64, 3), (3, 20, 64, 3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_ops": -1}, "`num_ops` must be a whole number"),
        ({"num_ops": 1.5}, "`num_ops` must be a whole number"),
        ({"magnitude": 1.1}, "`magnitude` must be in"),
    ],
)
def test_bad_arguments(clip, options, message):
    with pytest.raises(ValueError, match=message):
        rand_augment(clip, (0, 1), **options)

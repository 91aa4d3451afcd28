import numpy as np
import pytest
import tensorflow as tf

from keras_action.data.color import color_jitter


@pytest.fixture(scope="module")
def clip():
    return np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), np.uint8)


def test_eager_equals_tf_data(clip):
    seeds = np.array([[0, 1], [2, 3], [4, 5]], np.int32)
    dataset = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: color_jitter(clip, seed, 0.4))
    for seed, result in zip(seeds, dataset, strict=True):
        assert result.dtype == tf.uint8 and result.shape == clip.shape
        np.testing.assert_array_equal(result, color_jitter(clip, seed, 0.4))


def test_seed_decides(clip):
    first, again, other = (color_jitter(clip, seed, 0.4).numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_all_frames_are_treated_alike(clip):
    result = color_jitter(np.repeat(clip[:1], 4, 0), (7, 8), 0.4).numpy()
    np.testing.assert_array_equal(result, np.repeat(result[:1], 4, 0))


def test_strength_0_changes_nothing(clip):
    np.testing.assert_array_equal(color_jitter(clip, (1, 2), 0.0), clip)


def test_stays_in_range_and_keeps_greys_grey():
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1), 3, -1)
    for number in range(20):
        result = color_jitter(grey, (0, number), 1.0).numpy().astype(int)
        assert np.ptp(result, axis=-1).max() <= 1
        assert (np.diff(result.reshape(-1, 3)[:, 0]) >= 0).all()


def test_bad_strength(clip):
    with pytest.raises(ValueError, match="`strength` must be in"):
        color_jitter(clip, (0, 1), 1.5)

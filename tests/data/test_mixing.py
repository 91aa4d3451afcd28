import numpy as np
import pytest
import tensorflow as tf

from keras_action.data.mixing import cutmix, mixup

MIXES = {"mixup": mixup, "cutmix": cutmix}
B, T, H, W, CLASSES = 6, 3, 20, 30, 6


@pytest.fixture(scope="module")
def batch():
    """Clip i is grey of value 40 i, so that a pixel says of which clip it is."""
    clips = np.broadcast_to(40 * np.arange(B, dtype=np.uint8)[:, None, None, None, None], (B, T, H, W, 3))
    return clips.copy(), np.eye(CLASSES, dtype=np.float32)[:B]


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float32])
@pytest.mark.parametrize("name", MIXES)
def test_eager_equals_tf_data(batch, name, dtype):
    clips, labels = tf.cast(batch[0], dtype), batch[1]
    seeds = np.array([[0, 1], [2, 3], [4, 5]], np.int32)
    eager = [MIXES[name](clips, labels, seed) for seed in seeds]
    dataset = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: MIXES[name](clips, labels, seed))
    for expected, result in zip(eager, dataset, strict=True):
        assert result[0].dtype == dtype
        assert result[0].shape == (B, T, H, W, 3)
        assert result[1].shape == (B, CLASSES)
        np.testing.assert_array_equal(result[0], expected[0])
        np.testing.assert_array_equal(result[1], expected[1])
    assert (eager[0][0].numpy() != eager[1][0].numpy()).any()


@pytest.mark.parametrize("name", MIXES)
def test_labels_are_mixed_as_the_pixels_are(batch, name):
    """The mean of a mixture is that of its labels' clips; sums of labels stay 1."""
    clips, labels = tf.cast(batch[0], tf.float32), batch[1]
    mixed = 0
    for number in range(20):
        result, result_labels = (tensor.numpy() for tensor in MIXES[name](clips, labels, (0, number), alpha=1.0))
        np.testing.assert_allclose(result_labels.sum(1), 1, atol=1e-6)
        np.testing.assert_allclose(result.mean((1, 2, 3, 4)), result_labels @ (40 * np.arange(B)), atol=1e-2)
        mixed += (result_labels.max(1) < 0.99).sum()
    assert mixed > 60


@pytest.mark.parametrize("name", MIXES)
def test_all_frames_are_mixed_alike(name):
    rng = np.random.default_rng(0)
    still = np.repeat(rng.integers(0, 256, (B, 1, H, W, 3), np.uint8), 4, 1)
    result = MIXES[name](still, np.eye(B, dtype=np.float32), (5, 6), alpha=1.0)[0].numpy()
    assert (result != still).any()
    for t in range(1, 4):
        np.testing.assert_array_equal(result[:, t], result[:, 0])


def test_boxes_of_cut_mix(batch):
    clips, labels = batch
    for number in range(10):
        result, result_labels = (tensor.numpy() for tensor in cutmix(clips, labels, (1, number)))
        for i, clip in enumerate(result):
            strange = clip[0, :, :, 0] != 40 * i
            rows, columns = np.flatnonzero(strange.any(1)), np.flatnonzero(strange.any(0))
            assert strange.sum() == len(rows) * len(columns)  # one box, and whole
            np.testing.assert_allclose(1 - strange.mean(), result_labels[i, i], atol=1e-6)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 50.0])
def test_shares_are_beta_variables(alpha):
    count = 400
    clips = np.arange(count, dtype=np.float32)[:, None, None, None, None] * np.ones((1, 1, 1, 1, 3), np.float32)
    labels = np.eye(count, dtype=np.float32)
    shares = np.diag(mixup(clips, labels, (3, 4), alpha)[1].numpy())
    assert np.isfinite(shares).all()
    np.testing.assert_allclose(shares.mean(), 0.5, atol=0.1)
    np.testing.assert_allclose(shares.var(), 0.25 / (2 * alpha + 1), atol=0.03)


@pytest.mark.parametrize("name", MIXES)
def test_batches_of_unknown_size(batch, name):
    dataset = tf.data.Dataset.from_tensor_slices(batch).batch(4).map(lambda *both: MIXES[name](*both, (0, 1)))
    assert [clips.shape[0] for clips, _ in dataset] == [4, 2]


@pytest.mark.parametrize("name", MIXES)
def test_one_clip_stays_as_it_is(batch, name):
    clips, labels = MIXES[name](batch[0][:1], batch[1][:1], (0, 1))
    np.testing.assert_array_equal(clips, batch[0][:1])
    np.testing.assert_allclose(labels, batch[1][:1], atol=1e-6)


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clips, labels: (clips, labels, 0.0), "`alpha` must be above 0"),
        (lambda clips, labels: (clips, labels, np.nan), "`alpha` must be above 0"),
        (lambda clips, labels: (clips[0], labels, 1.0), "`clips` must be of shape"),
        (lambda clips, labels: (clips, np.arange(B), 1.0), "`labels` must be one-hot"),
        (lambda clips, labels: (clips, labels.astype(int), 1.0), "`labels` must be one-hot"),
    ],
)
def test_bad_arguments(batch, name, change, message):
    clips, labels, alpha = change(*batch)
    with pytest.raises(ValueError, match=message):
        MIXES[name](clips, labels, (0, 1), alpha)

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data.crops import center_crop, multi_scale_corner_crop, resize_short_side, three_crops


@pytest.fixture(scope="module")
def clip():
    """Pixels that say where they are: red is the column, green the row, blue the frame."""
    t, y, x = np.meshgrid(np.arange(3), np.arange(120), np.arange(160), indexing="ij")
    return np.stack([x, y, t], -1).astype(np.uint8)


CROPS = {
    "crop": lambda clip, seed: multi_scale_corner_crop(clip, 64, seed),
    "wide crop": lambda clip, seed: multi_scale_corner_crop(clip, (48, 80), seed),
    "centre": lambda clip, seed: center_crop(clip, 64),
    "short side": lambda clip, seed: resize_short_side(clip, 48),
    "left crop": lambda clip, seed: three_crops(clip, 64)[0],
}
SIZES = {
    "crop": (64, 64),
    "wide crop": (48, 80),
    "centre": (64, 64),
    "short side": (48, 64),
    "left crop": (64, 64),
}


@pytest.mark.parametrize("name", CROPS)
def test_eager_equals_tf_data(clip, name):
    seeds = np.array([[0, 1], [2, 3], [4, 5]], np.int32)
    eager = [CROPS[name](clip, seed).numpy() for seed in seeds]
    dataset = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: CROPS[name](clip, seed))
    for expected, result in zip(eager, dataset, strict=True):
        assert result.dtype == tf.uint8
        assert result.shape == (3, *SIZES[name], 3)
        np.testing.assert_array_equal(result, expected)


def test_seed_decides(clip):
    first, again, other = (CROPS["crop"](clip, seed).numpy() for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("name", CROPS)
def test_all_frames_are_treated_alike(clip, name):
    clip = np.repeat(clip[:1], 4, 0)
    result = CROPS[name](clip, (7, 8)).numpy()
    for frame in result[1:]:
        np.testing.assert_array_equal(frame, result[0])


def test_crops_are_those_of_tsn(clip):
    """Where a crop begins, and how far it reaches, can be read off its pixels."""
    lengths, places = set(), set()
    for number in range(400):
        crop = multi_scale_corner_crop(clip, 30, (0, number)).numpy().astype(int)
        width = (crop[0, 0, -1, 0] - crop[0, 0, 0, 0]) * 30 / 29
        height = (crop[0, -1, 0, 1] - crop[0, 0, 0, 1]) * 30 / 29
        sides = tuple(min((120, 105, 90, 79), key=lambda side, a=a: abs(side - a)) for a in (height, width))
        lengths.add(sides)
        top, left = crop[0, 0, 0, 1] - sides[0] / 60 + 0.5, crop[0, 0, 0, 0] - sides[1] / 60 + 0.5
        if sides[0] < 120:
            places.add((round(4 * top / (120 - sides[0])), round(4 * left / (160 - sides[1]))))
    near = {(a, b) for a in range(4) for b in range(4) if abs(a - b) <= 1}
    assert lengths == {((120, 105, 90, 79)[a], (120, 105, 90, 79)[b]) for a, b in near}
    corners_and_centre = {(0, 0), (0, 4), (4, 0), (4, 4), (2, 2)}
    assert corners_and_centre < places
    assert len(places) == 13


def test_square_crops(clip):
    for number in range(30):
        crop = multi_scale_corner_crop(clip, 60, (0, number), max_distortion=0).numpy().astype(int)
        across, down = crop[0, 0, -1, 0] - crop[0, 0, 0, 0], crop[0, -1, 0, 1] - crop[0, 0, 0, 1]
        assert abs(across - down) <= 1


def test_crop_of_nearly_the_target_size_is_not_scaled(clip):
    for number in range(10):
        crop = multi_scale_corner_crop(clip, 91, (0, number), scales=(0.75,)).numpy()
        np.testing.assert_array_equal(np.diff(crop[..., 0].astype(int), axis=2), 1)


@pytest.mark.parametrize("size", [(24, 24), (8, 200), (1, 1)])
def test_small_clips_are_scaled_up(size):
    clip = np.full((2, *size, 3), 77, np.uint8)
    for result in (multi_scale_corner_crop(clip, 64, (0, 1)), center_crop(clip, 64)):
        assert result.shape == (2, 64, 64, 3)
        np.testing.assert_array_equal(result, 77)


@pytest.mark.parametrize(
    ("size", "resize_to", "left", "top", "step"),
    [
        (120, None, 20, 0, 1),  # the whole height
        (60, None, 20.5, 0.5, 2),
        (56, 60, 24.5, 4.5, 2),
        ((60, 80), None, 0.5, 0.5, 2),  # the whole picture
        (100, 120, 30, 10, 1),
    ],
)
def test_center_crop(clip, size, resize_to, left, top, step):
    result = center_crop(clip, size, resize_to).numpy().astype(float)
    height, width = (size, size) if isinstance(size, int) else size
    assert result.shape == (3, height, width, 3)
    # Half a pixel at most is lost to rounding.
    np.testing.assert_allclose(result[0, 0, :, 0], left + step * np.arange(width), atol=0.51)
    np.testing.assert_allclose(result[0, :, 0, 1], top + step * np.arange(height), atol=0.51)
    np.testing.assert_array_equal(result[:, 0, 0, 2], [0, 1, 2])


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [(120, 160, 60, (60, 80)), (160, 120, 60, (80, 60)), (120, 160, 256, (256, 341)), (50, 50, 50, (50, 50))],
)
def test_resize_short_side(height, width, size, expected):
    clip = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    result = resize_short_side(clip, size)
    assert result.shape == (2, *expected, 3)
    assert result.dtype == tf.uint8
    if size == min(height, width):
        np.testing.assert_array_equal(result, clip)


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("resize_to", [None, 120])
def test_three_crops(clip, portrait, resize_to):
    clip = clip.transpose(0, 2, 1, 3) if portrait else clip
    size = 120 if resize_to is None else 100
    crops = three_crops(clip, size, resize_to).numpy()
    assert crops.shape == (3, 3, size, size, 3)
    top = (120 - size) // 2
    for crop, left in zip(crops, (0, (160 - size) // 2, 160 - size), strict=True):
        if portrait:
            np.testing.assert_array_equal(crop, clip[:, left : left + size, top : top + size])
        else:
            np.testing.assert_array_equal(crop, clip[:, top : top + size, left : left + size])


def test_three_crops_of_a_square_are_the_same(clip):
    crops = three_crops(clip[:, :, :120], 60).numpy()
    np.testing.assert_array_equal(crops[0], crops[1])
    np.testing.assert_array_equal(crops[0], crops[2])


def test_clips_of_unknown_size(clip):
    dataset = tf.data.Dataset.from_generator(
        lambda: [clip, clip[:, :, :100]], output_signature=tf.TensorSpec((3, None, None, 3), tf.uint8)
    )
    assert [three.shape for three in dataset.map(lambda frames: three_crops(frames, 64))] == [(3, 3, 64, 64, 3)] * 2
    sizes = [frames.shape[1:3] for frames in dataset.map(lambda frames: resize_short_side(frames, 60))]
    assert sizes == [(60, 80), (72, 60)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda clip: multi_scale_corner_crop(clip, 64, (0, 1), scales=(1.2,)), "`scales` must be in"),
        (lambda clip: multi_scale_corner_crop(clip, 64, (0, 1), scales=()), "`scales` must be in"),
        (lambda clip: multi_scale_corner_crop(clip, 0, (0, 1)), "`size` must be at least 1"),
        (lambda clip: center_crop(clip, 64, resize_to=32), "`resize_to` must be at least as large"),
        (lambda clip: three_crops(clip, 64, 32), "`resize_to` must be at least as large"),
        (lambda clip: three_crops(clip, (64, 64)), "`size` must be a number"),
        (lambda clip: resize_short_side(clip, 0), "`size` must be a number"),
    ],
)
def test_bad_arguments(clip, call, message):
    with pytest.raises(ValueError, match=message):
        call(clip)

import numpy as np
import pytest

from keras_action.recognition.frames import resize, resize_and_crop

SIZES = [(120, 160), (160, 120), (97, 333), (64, 64), (40, 50), (64, 80), (7, 5), (1, 1)]


@pytest.mark.parametrize("scale", [resize_and_crop, resize])
@pytest.mark.parametrize("target", [(64, 64), (48, 64), (1, 1)])
@pytest.mark.parametrize("size", SIZES)
def test_shape_type_and_range(size, target, scale):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype("uint8")
    result = scale(frame, target)
    assert (result.shape, result.dtype) == ((*target, 3), np.uint8)
    assert not np.shares_memory(result, frame)
    for value in (0, 77, 255):
        assert (scale(np.full_like(frame, value), target) == value).all()


def test_whole_frames_keep_what_a_crop_cuts_off():
    frame = np.zeros((10, 30, 3), "uint8")
    frame[:, :10] = 200
    assert (resize_and_crop(frame, (10, 10)) == 0).all()
    np.testing.assert_array_equal(resize(frame, (5, 3))[0, :, 0], [200, 0, 0])
    np.testing.assert_array_equal(resize(frame, (20, 30))[::2], frame)


def test_a_frame_of_the_right_size_is_unchanged():
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")
    np.testing.assert_array_equal(resize_and_crop(frame, (64, 64)), frame)


def test_cuts_the_centre():
    frame = np.zeros((10, 30, 3), "uint8")
    frame[:, 10:20] = 200
    np.testing.assert_array_equal(resize_and_crop(frame, (10, 10)), np.full((10, 10, 3), 200))


def test_shrinking_takes_means():
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype("uint8")
    means = frame.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize_and_crop(frame, (16, 16)), means, atol=0.51)


@pytest.mark.parametrize("size", [(40, 50), (64, 80), (30, 64)])
def test_enlarging_is_what_evaluation_does(size):
    pytest.importorskip("tensorflow")
    from keras_action.data import center_crop

    frame = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype("uint8")
    expected = np.asarray(center_crop(frame[None], 64))[0]
    np.testing.assert_allclose(resize_and_crop(frame, (64, 64)), expected, atol=1)


@pytest.mark.parametrize("size", [(120, 160), (240, 320), (180, 100)])
def test_shrinking_is_what_evaluation_does(size, tmp_path):
    pytest.importorskip("av")
    from keras_action.data import center_crop, iter_frames, read_frames, render_gesture, write_video

    path = tmp_path / "video.mp4"
    write_video(path, render_gesture("swipe_left", 0, num_frames=6, size=size), fps=12)
    frames = [resize_and_crop(frame, (64, 64)) for _, frame in iter_frames(path)]
    expected = np.asarray(center_crop(read_frames(path, short_side=64), 64))
    # Evaluation scales before it turns YUV into RGB, with its own scaling of colours.
    assert np.abs(np.subtract(frames, expected, dtype="float32")).mean() < 2

import numpy as np
import pytest

from keras_action.data import sample_segments


@pytest.mark.parametrize(
    ("num_frames", "num_segments", "expected"),
    [
        (24, 8, [1, 4, 7, 10, 13, 16, 19, 22]),
        (8, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (20, 8, [1, 3, 6, 8, 11, 13, 16, 18]),
        (3, 8, [0, 0, 0, 1, 1, 2, 2, 2]),
        (1, 8, [0] * 8),
        (5, 1, [2]),
        (1, 1, [0]),
    ],
)
def test_middle_frames(num_frames, num_segments, expected):
    assert sample_segments(num_frames, num_segments).tolist() == expected


@pytest.mark.parametrize("num_frames", [1, 2, 5, 8, 9, 24, 100])
@pytest.mark.parametrize("num_segments", [1, 3, 8, 16])
def test_random_frames_lie_in_their_segments(num_frames, num_segments):
    rng = np.random.default_rng(0)
    edges = np.arange(num_segments + 1) * num_frames / num_segments
    for _ in range(50):
        indices = sample_segments(num_frames, num_segments, rng)
        assert indices.shape == (num_segments,)
        assert (indices >= np.floor(edges[:-1])).all()
        assert (indices <= edges[1:]).all()
        assert indices.max() < num_frames
        assert (np.diff(indices) >= 0).all()


def test_every_frame_can_be_chosen():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        seen.update(sample_segments(20, 8, rng).tolist())
    assert seen == set(range(20))


def test_same_generator_same_frames():
    first, second = (sample_segments(40, 8, np.random.default_rng(3)) for _ in "ab")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("num_frames", "num_segments"), [(0, 8), (8, 0), (-1, 8)])
def test_bad_numbers(num_frames, num_segments):
    with pytest.raises(ValueError, match=r"at least 1\. Received"):
        sample_segments(num_frames, num_segments)

import numpy as np
import pytest

from keras_action.data.sampling import (
    SAMPLING_METHODS,
    sample_clips,
    sample_dense,
    sample_reference_segments,
    sample_segments,
    sampling_method,
)


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


@pytest.mark.parametrize(
    ("num_frames", "num_segments", "reference", "segments"),
    [
        (24, 8, [1, 4, 7, 10, 13, 16, 19, 22], [1, 4, 7, 10, 13, 16, 19, 22]),
        (20, 8, [1, 3, 6, 8, 11, 13, 16, 18], [1, 3, 6, 8, 11, 13, 16, 18]),
        (9, 8, [0, 1, 2, 3, 5, 6, 7, 8], [0, 1, 2, 3, 5, 6, 7, 8]),
        # From here on they differ: the release repeats the first frame.
        (8, 8, [0] * 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (5, 8, [0] * 8, [0, 0, 1, 2, 2, 3, 4, 4]),
        (3, 8, [0] * 8, [0, 0, 0, 1, 1, 2, 2, 2]),
        (1, 8, [0] * 8, [0] * 8),
    ],
)
def test_released_rule_for_validation(num_frames, num_segments, reference, segments):
    assert sample_reference_segments(num_frames, num_segments).tolist() == reference
    assert sample_segments(num_frames, num_segments).tolist() == segments


@pytest.mark.parametrize(
    ("num_frames", "num_segments", "reference", "segments"),
    [
        # Frames that can be chosen in training, for each segment.
        (8, 4, ["01", "23", "45", "67"], ["01", "23", "45", "67"]),
        (10, 4, ["01", "23", "45", "67"], ["012", "234", "567", "789"]),
        (4, 4, ["0", "1", "2", "3"], ["0", "1", "2", "3"]),
        (3, 4, ["0", "0", "0", "0"], ["0", "01", "12", "2"]),
        (1, 4, ["0", "0", "0", "0"], ["0", "0", "0", "0"]),
    ],
)
def test_released_rule_for_training(num_frames, num_segments, reference, segments):
    rng = np.random.default_rng(0)
    for sample, expected in ((sample_reference_segments, reference), (sample_segments, segments)):
        draws = np.stack([sample(num_frames, num_segments, rng) for _ in range(200)])
        assert ["".join(map(str, np.unique(frames))) for frames in draws.T] == expected


@pytest.mark.parametrize(
    ("num_frames", "num_segments", "expected"),
    [
        (100, 8, [18, 26, 34, 42, 50, 58, 66, 74]),
        (64, 8, [0, 8, 16, 24, 32, 40, 48, 56]),
        (64, 4, [0, 16, 32, 48]),
        (20, 8, [0, 8, 16, 4, 12, 0, 8, 16]),
        (64, 5, [0, 12, 24, 36, 48]),
        (1, 3, [0, 0, 0]),
    ],
)
def test_dense(num_frames, num_segments, expected):
    assert sample_dense(num_frames, num_segments).tolist() == expected


def test_dense_windows_begin_everywhere_but_at_the_last_place():
    rng = np.random.default_rng(0)
    draws = np.stack([sample_dense(70, 8, rng) for _ in range(200)])
    np.testing.assert_array_equal(np.diff(draws), 8)
    assert set(draws[:, 0].tolist()) == {0, 1, 2, 3, 4, 5}
    assert sample_dense(65, 8, rng)[0] == 0


def test_dense_clips_are_spread_from_the_first_to_the_last_place():
    clips = sample_clips(164, 8, 10, method="dense")
    assert clips[:, 0].tolist() == [0, 11, 22, 33, 44, 55, 66, 77, 88, 100]
    np.testing.assert_array_equal(np.diff(clips), 8)
    assert (sample_clips(40, 8, 10, method="dense") == sample_dense(40, 8)).all()


def test_clips_spread_over_the_segments():
    clips = sample_clips(24, 8, 3)
    assert clips.tolist() == [list(range(start, 24, 3)) for start in range(3)]
    assert sample_clips(24, 8, 1)[0].tolist() == sample_segments(24, 8).tolist()


@pytest.mark.parametrize("method", SAMPLING_METHODS)
@pytest.mark.parametrize("num_frames", [1, 3, 8, 37, 200])
@pytest.mark.parametrize("num_segments", [1, 5, 8, 16, 64])
def test_every_method_gives_frames_of_the_clip(method, num_frames, num_segments):
    results = [sampling_method(method)(num_frames, num_segments, rng) for rng in (None, np.random.default_rng(1))]
    results += [sample_clips(num_frames, num_segments, 4, np.random.default_rng(1), method)]
    if method != "reference":
        results += [sample_clips(num_frames, num_segments, 4, None, method)]
    for indices, shape in zip(results, 2 * [(num_segments,)] + 2 * [(4, num_segments)], strict=False):
        assert indices.shape == shape
        assert indices.dtype == np.int64
        assert indices.min() >= 0
        assert indices.max() < num_frames


@pytest.mark.parametrize("method", SAMPLING_METHODS)
def test_clips_drawn_at_random_are_repeatable(method):
    first, again, other = (sample_clips(200, 8, 10, np.random.default_rng(seed), method) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(np.unique(first, axis=0)) > 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_reference_segments(0, 8), "`num_frames` must be at least 1"),
        (lambda: sample_dense(8, 0), "`num_segments` must be at least 1"),
        (lambda: sample_dense(8, 8, window=0), "`window` must be at least 1"),
        (lambda: sample_dense(100, 65), "at most the frames of the window"),
        (lambda: sample_clips(8, 8, 0), "`num_clips` must be at least 1"),
        (lambda: sample_clips(8, 8, method="even"), r"must be one of \('segments', 'reference', 'dense'\)"),
        (lambda: sample_clips(8, 8, method="reference"), "where there is no `rng`"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()

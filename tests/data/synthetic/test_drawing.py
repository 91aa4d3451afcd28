import numpy as np
import pytest

from keras_action.data.synthetic.drawing import SYNTHETIC_DRAWINGS, drawing_motion

SIZE = (90, 120)
SHAPES = [label for label, corners in SYNTHETIC_DRAWINGS.items() if corners is not None]


def fingertips(label, seed):
    """The path of the fingertip, (50, 2), x and y in pixels."""
    motion = drawing_motion(np.random.default_rng(seed), label, SIZE)
    poses = np.array([motion(time) for time in np.linspace(0, 1, 50)])
    x, y, length, angle = poses.T
    return np.stack([x + 0.5 * length * np.sin(angle), y - 0.5 * length * np.cos(angle)], axis=1)


@pytest.mark.parametrize("label", SHAPES)
def test_the_fingertip_draws_the_shape_within_the_picture(label):
    for seed in range(10):
        way = fingertips(label, seed)
        # It sways a little.
        assert way.min() > -8 and (way.max(0) < np.array(SIZE[::-1]) + 8).all()
        expected = np.array(SYNTHETIC_DRAWINGS[label])
        for axis in (0, 1):
            if np.ptp(expected[:, axis]):
                assert np.ptp(way[:, axis]) > 0.2 * SIZE[1 - axis]
        # It begins and ends where the shape does.
        for end in (0, -1):
            offset = (way[end] - way.mean(0)) / np.maximum(np.ptp(way, axis=0), 20)
            wanted = expected[end] - (expected.max(0) + expected.min(0)) / 2
            assert (np.sign(offset) == np.sign(wanted))[np.abs(wanted) > 0.3].all(), (label, seed, end)


def turns_clockwise(label, seed):
    x, y = fingertips(label, seed).T
    return np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) > 0  # y points down


def test_circles_are_drawn_counterclockwise_and_squares_either_way():
    assert not any(turns_clockwise("circle_ccw", seed) for seed in range(10))
    assert {turns_clockwise("square", seed) for seed in range(10)} == {True, False}


def test_no_gesture_is_some_other_motion_or_none():
    motions = [drawing_motion(np.random.default_rng(seed), "none", SIZE) for seed in range(20)]
    assert any(motion(0.5) is None for motion in motions)
    assert any(motion(0.5) is not None for motion in motions)

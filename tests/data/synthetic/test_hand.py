import numpy as np

from keras_action.data.synthetic.hand import Hand


def test_hand_covers_enough_of_the_frame():
    shares = []
    for seed in range(10):
        image = np.full((120, 160, 3), -1.0, np.float32)
        Hand(np.random.default_rng(seed), 126).paint(image, 80, 60, 0.7 * 120, 0.3 * seed)
        shares.append((image > -0.5).all(-1).mean())
    assert min(shares) > 0.12
    assert max(shares) < 0.25


def test_angles_are_clockwise():
    """A hand turned by 90° has its fingers to the right, where the picture of the upright one has them above."""
    upright, turned = np.zeros((2, 101, 101, 3), np.float32)
    hand = Hand(np.random.default_rng(0), 80)
    hand.paint(upright, 50, 50, 60, 0.0)
    hand.paint(turned, 50, 50, 60, np.pi / 2)
    assert np.abs(np.rot90(upright, -1) - turned).mean() < 6


def test_a_pointing_hand_has_an_arm_that_leaves_the_picture():
    image = np.full((100, 100, 3), -1.0, np.float32)
    Hand(np.random.default_rng(0), 60, pose="pointing", forearm=True).paint(image, 50, 30, 40, 0.0)
    assert (image[-1, 45:55] > -0.5).all()
    assert (image[:, :20] < -0.5).all()

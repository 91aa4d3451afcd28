import numpy as np
import pytest

from keras_action import RunningMean


def test_the_mean_of_the_last_frames_with_zeros_before_the_first():
    mean, logits = RunningMean(3), np.arange(10.0).reshape(5, 2)
    for _ in range(2):
        padded = np.concatenate([np.zeros((2, 2)), logits])
        for t in range(5):
            np.testing.assert_allclose(mean(logits[t]), padded[t : t + 3].mean(axis=0))
        mean.reset()


def test_bad_arguments():
    with pytest.raises(ValueError, match="num_frames=0"):
        RunningMean(0)
    mean = RunningMean(2)
    mean(np.zeros(3))
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        mean(np.zeros(4))

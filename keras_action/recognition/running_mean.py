"""The mean of the logits of the last frames of a stream."""

import collections

import numpy as np


class RunningMean:
    """The mean of the logits of the last n frames: with n = T what the causal clip model gives for them.

    Frames before the first count as zeros, so that the first n − 1 means are small: not sure yet.

    Args:
        num_frames: Integer n.

    Call arguments:
        logits: Of one frame, `(classes,)` or `(B, classes)`.

    Output: their mean with those of the n − 1 frames before, of the same shape.

    Raises:
        ValueError: where n is not positive, or the logits change their shape.

    Example:

    >>> mean = keras_action.RunningMean(2)
    >>> mean(np.array([4.0, 0.0]))
    array([2., 0.])
    >>> mean(np.array([4.0, 2.0]))
    array([4., 1.])
    >>> mean.reset()  # another video begins
    """

    def __init__(self, num_frames):
        if num_frames < 1:
            raise ValueError(f"`num_frames` must be at least 1. Received: num_frames={num_frames}")
        self.num_frames = int(num_frames)
        self.reset()

    def reset(self):
        """Forgets all frames."""
        self._last = collections.deque(maxlen=self.num_frames)

    def __call__(self, logits):
        logits = np.asarray(logits)
        if self._last and logits.shape != self._last[0].shape:
            raise ValueError(f"Expected logits of shape {self._last[0].shape}. Received: shape={logits.shape}")
        self._last.append(logits)
        return sum(self._last) / self.num_frames

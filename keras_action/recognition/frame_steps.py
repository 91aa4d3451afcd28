"""Logits over time by a streaming model. NumPy only."""

import math
from collections import deque

from keras_action.recognition.sliding_windows import WindowPrediction, check_logits


class FrameSteps:
    """Runs a streaming model on one frame after the other, at the time step of its training.

    At each step the model takes the current frame, whatever the frame rate. The
    logits are averaged over the last `average_over` steps, at the start over fewer,
    and belong to the middle of these steps. After the end of the stream the last
    frame is held for half of them, so that there are logits for all of its times.

    Args:
        model: Callable from a frame, uint8 `(H, W, 3)`, to logits `(classes,)`, with a method `reset`. If its attribute
            `average_over` is above 1, the model itself averages over this number of frames, with zeros before the
            first.
        num_classes: Number of classes.
        stride: Time from one step to the next, in seconds.
        average_over: Number of steps over which the logits are averaged; 1 for the logits of each step.

    Attributes:
        num_inferences: Number of times that the model was run.

    Call arguments of `push`:
        frame: uint8 `(H, W, 3)`, of the model's input size.
        timestamp: Time of the frame, in seconds. It must increase.
        is_live: Whether to skip all but the last of several steps since the last frame, as the model may be too slow
            for all.
    """

    def __init__(self, model, num_classes, stride, average_over=1):
        self.model = model
        self.num_classes = num_classes
        self.stride = stride
        self.num_inferences = 0
        self._is_averaged = getattr(model, "average_over", 1) > 1  # by the model
        self.average_over = model.average_over if self._is_averaged else average_over
        self._recent = deque(maxlen=self.average_over)  # (time of the step, logits)
        self.reset()

    def reset(self):
        """Forgets all frames."""
        self.model.reset()
        self._recent.clear()
        self._frame = None  # the current (timestamp, frame)
        self._start = None
        self._count = 0  # of steps since the start

    def push(self, frame, timestamp, is_live=False):
        """Adds a frame. Returns the list of new `WindowPrediction`s."""
        predictions = []
        if self._frame is None:
            self._start = timestamp
        else:
            if is_live:
                self._count = max(self._count, math.ceil((timestamp - self._start) / self.stride) - 1)
            # The frame before this one was the current one until now.
            predictions = self._predict(timestamp, until=timestamp)
        self._frame = (timestamp, frame)
        return predictions

    def flush(self):
        """Ends the stream. Returns the list of `WindowPrediction`s up to its last frame."""
        predictions = []
        if self._frame is not None:
            last = self._frame[0]
            until = last + (self.average_over - 1) / 2 * self.stride + self.stride
            predictions = [prediction for prediction in self._predict(last, until) if prediction.time <= last]
        self.reset()
        return predictions

    def _predict(self, now, until):
        """Runs the model on the current frame for all steps before a time."""
        predictions = []
        while self._start + self._count * self.stride < until:
            time = self._start + self._count * self.stride
            logits = check_logits(self.model(self._frame[1]), (self.num_classes,))
            self.num_inferences += 1
            self._recent.append((time, logits))
            self._count += 1
            predictions.append(WindowPrediction((self._recent[0][0] + time) / 2, now, self._mean()))
        return predictions

    def _mean(self):
        """The mean of the logits over the last steps."""
        if self._is_averaged:
            # The model averages zeros before the first frame.
            return self._recent[-1][1] * (self.average_over / len(self._recent))
        return sum(logits for _, logits in self._recent) / len(self._recent)

"""Models whose answers are known, and streams for them."""

import types

import numpy as np

LABELS = ("none", "red")


class RedModel:
    """Says "red" where at least half of a clip is; remembers the clips it saw."""

    input_shape = (None, 4, 8, 8, 3)

    def __init__(self, keep=True):
        self.clips = []
        self.runs = 0
        self._keep = keep

    def __call__(self, clips):
        self.runs += 1
        if self._keep:
            self.clips += list(clips)
        red = clips[..., 0].mean(axis=(1, 2, 3)) / 255
        return np.stack([np.zeros(len(clips)), 40 * (red - 0.5)], axis=1)


class RedStream:
    """A streaming model, with the interface of `keras_action.litert.LiteRTStream`: red frames, one by one."""

    def __init__(self, num_segments=4, clip_seconds=1.0, labels=LABELS, keep=True):
        self.metadata = types.SimpleNamespace(
            num_segments=num_segments, clip_seconds=clip_seconds, labels=labels, input_size=(8, 8)
        )
        self.seen = []
        self._keep = keep
        self.resets = 0

    def __call__(self, frame):
        assert (frame.shape, frame.dtype) == ((8, 8, 3), np.uint8)
        if self._keep:
            self.seen.append(int(frame[0, 0, 0]))
        return np.array([0.0, 40 * (frame[..., 0].mean() / 255 - 0.5)])

    def reset(self):
        self.resets += 1


class MeanStream(RedStream):
    """With the mean of the last n logits in the model, those before the first frame zero."""

    def __init__(self, count):
        super().__init__()
        self.average_over, self._recent = count, []

    def __call__(self, frame):
        self._recent = [*self._recent, super().__call__(frame)][-max(self.average_over, 1) :]
        return sum(self._recent) / max(self.average_over, 1)

    def reset(self):
        super().reset()
        self._recent = []


def frame(value=0, size=(12, 16)):
    result = np.zeros((*size, 3), "uint8")
    result[..., 0] = value
    return result


def frames(times, red=()):
    """Pairs of a timestamp and a frame, red within the times given."""
    for time in times:
        yield time, frame(255 * any(start <= time < end for start, end in red))


def play(recognizer, times, red=()):
    events = []
    for time, picture in frames(times, red):
        events += recognizer.push(picture, time)
    return events + recognizer.flush()

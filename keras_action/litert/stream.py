"""A LiteRT file that takes a video frame by frame. It needs NumPy and ai-edge-litert, no TensorFlow."""

import numpy as np

from keras_action.litert.metadata import parse_metadata, read_file
from keras_action.litert.signature import FRAME, LOGITS, SIGNATURE, STATE, prepare, real_values

# Bytes from which on it is faster to copy a state in place than to take it out and put it in.
_LARGE = 32768
# The state of a model of `streaming_model(…, average_over=n)`.
_MEAN = STATE + LOGITS


class LiteRTStream:
    """A streaming LiteRT file and its memory: a frame in, its logits out.

    The states that the file gives for a frame go back into it with the next one, as the bytes they are. They are
    zeros at first and after `reset`.

    Args:
        path: A `.tflite` file written by `keras_action.litert.convert` from a model of
            `keras_action.streaming_model`.
        num_threads: The number of threads that the interpreter may use.

    Attributes:
        average_over: The number of frames over whose logits the file itself takes the mean; 1 where its logits are
            those of the frame.

    Call arguments:
        frame: RGB in 0..255, `(H, W, 3)` or `(1, H, W, 3)`, uint8 or float.

    Output shape: `(classes,)`, float32.

    Raises:
        ValueError: If it is not such a file, or a frame is not of its shape.
        RuntimeError: If the interpreter can't prepare the file.
        OSError: If the file can't be read.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> stream = LiteRTStream("gesture.tflite")
    >>> for frame in video:
    ...     logits = stream(frame)
    >>> stream.reset()  # another video begins
    """

    def __init__(self, path, num_threads=1):
        file = read_file(path)
        self._prepare(file, path, num_threads)
        self.metadata = parse_metadata(file, path)

    @classmethod
    def from_bytes(cls, file, name, num_threads=1):
        """The same of a file in memory, without its metadata; errors speak of it by `name`."""
        stream = cls.__new__(cls)
        stream._prepare(file, name, num_threads)
        stream.metadata = None
        return stream

    def _prepare(self, file, name, num_threads):
        self.path = name
        self._interpreter, signatures, runner = prepare(file, name, num_threads)
        inputs, outputs = ({}, {}) if runner is None else (runner.get_input_details(), runner.get_output_details())
        states = [key for key in inputs if key.startswith(STATE)]
        if set(inputs) != {FRAME, *states} or set(outputs) != {LOGITS, *states}:
            raise ValueError(
                f"{name} must have the signature {SIGNATURE} from `frame` and states to `logits` and the same states. "
                f"Received: {signatures}"
            )
        for state in states:
            taken, given = ([x[k] for k in ("dtype", "quantization")] for x in (inputs[state], outputs[state]))
            if taken != given or list(inputs[state]["shape"]) != list(outputs[state]["shape"]):
                raise ValueError(
                    f"{name} must take and give a state in the same form. "
                    f"Received: {state}, {taken} taken, {given} given"
                )
        self._inputs, self._outputs, self._states = inputs, outputs, states
        self._small, self._large = [], []
        for state in states:
            pair = inputs[state]["index"], outputs[state]["index"]
            if _num_bytes(inputs[state]) < _LARGE:
                self._small.append(pair)
            else:
                self._large.append(tuple(map(self._interpreter.tensor, pair)))
        self.dtype = np.dtype(inputs[FRAME]["dtype"])
        self.frame_shape = tuple(map(int, inputs[FRAME]["shape"][1:]))
        self.num_classes = int(outputs[LOGITS]["shape"][-1])
        # It keeps the logits of the frames before.
        self.average_over = 1 + int(inputs[_MEAN]["shape"][1]) if _MEAN in inputs else 1
        self.reset()

    @property
    def state_bytes(self):
        """How many bytes the states take."""
        return sum(_num_bytes(self._inputs[state]) for state in self._states)

    def reset(self):
        """Forgets all frames: what comes next is the first one of a video."""
        for state in self._states:
            details = self._inputs[state]
            # Of an integer tensor the zero point stands for zero.
            self._interpreter.tensor(details["index"])()[...] = details["quantization"][1]

    def states(self):
        """A copy of the states that go in with the next frame, by their names."""
        return {state: self._interpreter.get_tensor(self._inputs[state]["index"]) for state in self._states}

    def __call__(self, frame):
        frame = np.asarray(frame)
        frame = frame[None] if frame.ndim == 3 else frame
        if frame.shape != (1, *self.frame_shape):
            raise ValueError(f"Expected a frame of shape {self.frame_shape}. Received: frame.shape={frame.shape}")
        if self.dtype == np.uint8 and frame.dtype != np.uint8:
            frame = np.clip(np.rint(frame), 0, 255)
        interpreter = self._interpreter
        interpreter.set_tensor(self._inputs[FRAME]["index"], frame.astype(self.dtype, copy=False))
        interpreter.invoke()
        for taken, given in self._large:  # functions that give views of the interpreter's memory: one copy, not two
            np.copyto(taken(), given())
        for taken, given in self._small:
            interpreter.set_tensor(taken, interpreter.get_tensor(given))
        logits = interpreter.get_tensor(self._outputs[LOGITS]["index"])[0]
        return real_values(logits, self._outputs[LOGITS]["quantization"])


def _num_bytes(details):
    return int(np.prod(details["shape"])) * np.dtype(details["dtype"]).itemsize

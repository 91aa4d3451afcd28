"""A streaming LiteRT file as a function of frames. TensorFlow is not needed."""

import numpy as np

from keras_action.litert.file import LiteRTFile
from keras_action.litert.metadata import metadata_of
from keras_action.litert.model import as_pixels
from keras_action.litert.runtime import Runtime
from keras_action.utils.signature import FRAME, LOGITS, SIGNATURE, STATE, is_state

# State of a model of `streaming_model(…, average_over=n)`: the logits of the last n − 1 frames.
_LAST_LOGITS = STATE + LOGITS


class LiteRTStream:
    """A streaming LiteRT file and its states: a frame in, logits out.

    The states that the file returns for a frame are inputs for the next frame. They are zeros at the start and after
    `reset`.

    Args:
        path: Path of a `.tflite` file written by `keras_action.litert.convert` from a model of
            `keras_action.streaming_model`; or a `LiteRTFile`.
        num_threads: Number of threads.

    Attributes:
        path: As given.
        metadata: The `Metadata` of the file, or `None`.
        dtype: Type of the frames that the file takes.
        frame_shape: `(H, W, 3)`.
        num_classes: Number of logits.
        average_over: Number of frames over which the file averages its logits; 1 for the logits of each frame.

    Call arguments:
        frame: RGB in 0..255, `(H, W, 3)` or `(1, H, W, 3)`, uint8 or float.

    Output shape: `(classes,)`, float32.

    Raises:
        ValueError: If it is not such a file, if it is damaged or truncated, or a frame does not have its shape.
        RuntimeError: If the runtime can't prepare the file.
        OSError: If the file can't be read.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> stream = LiteRTStream("gesture.tflite")
    >>> for frame in video:
    ...     logits = stream(frame)
    >>> stream.reset()  # before another video
    """

    def __init__(self, path, num_threads=1):
        file = LiteRTFile.read(path)
        self.path = file.name
        self.metadata = metadata_of(file)
        names = [name for name in file.inputs if is_state(name)]
        if set(file.inputs) != {FRAME, *names} or set(file.outputs) != {LOGITS, *names}:
            raise ValueError(
                f"{file.name} must have the signature {SIGNATURE} from `frame` and states to `logits` and the same "
                f"states. Received: from {list(file.inputs)} to {list(file.outputs)}"
            )
        self._states = {name: file.tensor(file.inputs[name]) for name in names}
        for name, taken in self._states.items():
            given = file.tensor(file.outputs[name])
            if taken != given:
                raise ValueError(
                    f"{file.name} must take and return a state in the same form. Received: {name}, {taken} as input, "
                    f"{given} as output"
                )
        self._runtime = Runtime(file, num_threads)
        frame, self._logits = file.tensor(file.inputs[FRAME]), file.tensor(file.outputs[LOGITS])
        self.dtype = np.dtype(frame.dtype)
        self.frame_shape = frame.shape[1:]
        self.num_classes = self._logits.shape[-1]
        self.average_over = 1 + self._states[_LAST_LOGITS].shape[1] if _LAST_LOGITS in self._states else 1
        self.reset()

    @property
    def state_bytes(self):
        """Size of the states in bytes."""
        return sum(tensor.num_bytes for tensor in self._states.values())

    def reset(self):
        """Forgets all frames: the next one is the first of a video."""
        for name, tensor in self._states.items():
            self._runtime.write(name, tensor.zeros())

    def states(self):
        """A copy of the states before the next frame, by their names."""
        return {name: self._runtime.read_input(name) for name in self._states}

    def __call__(self, frame):
        frame = np.asarray(frame)
        frame = frame[None] if frame.ndim == 3 else frame
        if frame.shape != (1, *self.frame_shape):
            raise ValueError(f"Expected a frame of shape {self.frame_shape}. Received: frame.shape={frame.shape}")
        self._runtime.write(FRAME, as_pixels(frame, self.dtype))
        self._runtime.run()
        self._runtime.feed_back(self._states)
        return self._logits.real(self._runtime.read(LOGITS)[0])

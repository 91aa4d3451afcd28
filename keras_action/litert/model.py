"""A LiteRT file as a function of clips. TensorFlow is not needed."""

import numpy as np

from keras_action.litert.file import LiteRTFile
from keras_action.litert.metadata import metadata_of
from keras_action.litert.runtime import Runtime
from keras_action.utils.signature import CLIP, LOGITS, SIGNATURE


class LiteRTModel:
    """A LiteRT file that is called like a Keras model.

    Args:
        path: Path of a `.tflite` file that takes clips, written by
            `keras_action.litert.convert`; or a `LiteRTFile`.
        num_threads: Number of threads.

    Attributes:
        path: As given.
        metadata: The `Metadata` of the file, or `None`.
        dtype: Type of the clips that the file takes.

    Call arguments:
        clips: RGB in 0..255, `(B, T, H, W, 3)`, uint8 or float. The file takes one
            clip at a time, so that clips are run one after the other.

    Input shape: `(B, T, H, W, 3)`.
    Output shape: `(B, classes)`, float32.

    Raises:
        ValueError: If it is not a LiteRT file with an input `clip` and an output
            `logits`, if it is damaged or truncated, or if clips do not have its shape.
        RuntimeError: If the runtime can't prepare the file.
        OSError: If the file can't be read.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> model = LiteRTModel("gesture.tflite")
    >>> logits = model(clip[None])
    >>> model.metadata.labels[logits[0].argmax()]
    'swipe_left'
    """

    def __init__(self, path, num_threads=1):
        file = LiteRTFile.read(path)
        self.path = file.name
        self.metadata = metadata_of(file)
        if (list(file.inputs), list(file.outputs)) != ([CLIP], [LOGITS]):
            raise ValueError(
                f"{file.name} must have the signature {SIGNATURE} from `clip` to `logits`. "
                f"Received: from {list(file.inputs)} to {list(file.outputs)}"
            )
        self._runtime = Runtime(file, num_threads)
        clip, self._logits = file.tensor(file.inputs[CLIP]), file.tensor(file.outputs[LOGITS])
        self.dtype = np.dtype(clip.dtype)
        self.input_shape = (None, *clip.shape[1:])
        self.output_shape = (None, self._logits.shape[-1])

    def __call__(self, clips):
        clips = np.asarray(clips)
        if clips.shape[1:] != self.input_shape[1:] or not len(clips):
            raise ValueError(f"Expected clips of shape {self.input_shape}. Received: clips.shape={clips.shape}")
        return np.concatenate([self._run(clip[None]) for clip in as_pixels(clips, self.dtype)])

    def _run(self, clip):
        self._runtime.write(CLIP, clip)
        self._runtime.run()
        return self._logits.real(self._runtime.read(LOGITS))


def as_pixels(values, dtype):
    """Pixels in 0..255 as the type that a file takes: rounded if it is of integers."""
    if dtype == np.uint8 and values.dtype != np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    return values.astype(dtype, copy=False)

"""A LiteRT file as a function of clips. It needs NumPy and ai-edge-litert, no TensorFlow."""

import numpy as np

from keras_action.litert.metadata import parse_metadata, read_file
from keras_action.litert.signature import LOGITS, SIGNATURE, prepare, real_values


class LiteRTModel:
    """A LiteRT file that can be called like a Keras model.

    Args:
        path: A `.tflite` file that takes clips, written by `keras_action.litert.convert`.
        num_threads: The number of threads that the interpreter may use.

    Call arguments:
        clips: RGB in 0..255, `(B, T, H, W, 3)`, uint8 or float. The file takes one
            clip at a time, so that more of them are run one after the other.

    Input shape: `(B, T, H, W, 3)`.
    Output shape: `(B, classes)`, float32.

    Raises:
        ValueError: If it is not a LiteRT file with an input `clip` and an output
            `logits`, or if clips are not of its shape.
        RuntimeError: If the interpreter can't prepare the file.
        OSError: If the file can't be read.
        ImportError: If ai-edge-litert is not installed.

    Example:

    >>> model = LiteRTModel("gesture.tflite")
    >>> logits = model(clip[None])
    >>> model.metadata.labels[logits[0].argmax()]
    'swipe_left'
    """

    def __init__(self, path, num_threads=1):
        self.path = path
        file = read_file(path)
        self.metadata = parse_metadata(file, path)
        self._run = signature_runner(file, path, num_threads)
        clip, logits = self._run.get_input_details()["clip"], self._run.get_output_details()["logits"]
        self.dtype = np.dtype(clip["dtype"])
        self._quantization = logits["quantization"]
        self.input_shape = (None, *map(int, clip["shape"][1:]))
        self.output_shape = (None, int(logits["shape"][-1]))

    def __call__(self, clips):
        clips = np.asarray(clips)
        if clips.shape[1:] != self.input_shape[1:] or not len(clips):
            raise ValueError(f"Expected clips of shape {self.input_shape}. Received: clips.shape={clips.shape}")
        if self.dtype == np.uint8 and clips.dtype != np.uint8:
            clips = np.clip(np.rint(clips), 0, 255)
        clips = clips.astype(self.dtype, copy=False)
        logits = np.concatenate([self._run(clip=clip[None])["logits"] for clip in clips])
        return real_values(logits, self._quantization)


def signature_runner(file, name, num_threads=1):
    """Prepare a file, given as bytes, to be run. Errors speak of it by `name`."""
    _, signatures, runner = prepare(file, name, num_threads)
    names = signatures.get(SIGNATURE)
    if names is None or (names["inputs"], names["outputs"]) != (["clip"], [LOGITS]):
        raise ValueError(f"{name} must have the signature {SIGNATURE} from `clip` to `logits`. Received: {signatures}")
    return runner

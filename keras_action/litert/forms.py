"""The two forms of models that are converted: models of clips and streaming models."""

import numpy as np

from keras_action.litert.clips import in_memory, iterate_clips
from keras_action.litert.converter import float_bytes, in_float32
from keras_action.litert.file import LiteRTFile
from keras_action.litert.layer_names import LayerNames
from keras_action.litert.model import LiteRTModel
from keras_action.litert.requirements import ConversionError
from keras_action.litert.silence import silenced_output
from keras_action.litert.stream import LiteRTStream
from keras_action.utils.signature import CLIP, FRAME, LOGITS, clip_shape, is_state, returns_sequences

# Limits for iterables that may be endless, as a training pipeline. More clips hardly change the ranges.
MAX_REPRESENTATIVE_CLIPS = 128
MAX_REPRESENTATIVE_FRAMES = 1024
_CHECKED_FRAMES = 4


def form_of(model):
    """The form of a model.

    Args:
        model: A Keras model of clips, or one of `keras_action.streaming_model`.

    Returns:
        A `ClipForm` or a `StreamForm`.

    Raises:
        ValueError: If it is not such a model, or Keras' backend is not TensorFlow.
    """
    return StreamForm(model) if is_stream(model) else ClipForm(model)


def is_stream(model):
    """Whether a model is one of `keras_action.streaming_model`."""
    inputs = model.input if hasattr(model, "operations") else None  # functional
    return isinstance(inputs, dict) and FRAME in inputs and all(name == FRAME or is_state(name) for name in inputs)


class ClipForm:
    """A model of clips. Its file maps `clip` to `logits`.

    Attributes:
        model: The Keras model.
        clip_shape: `(T, H, W, 3)`.
        num_classes: Number of logits.
        names: The `LayerNames` of the model.
        pixels: Name of the input that takes pixels.
    """

    pixels = CLIP

    def __init__(self, model):
        import keras

        if not isinstance(model, keras.Model):
            raise ValueError(f"Expected a Keras model. Received: model={model!r}")
        _check_backend()
        self.clip_shape = clip_shape(model)
        output_shape = model.output_shape
        if returns_sequences(model):
            raise ValueError(
                "A model with `return_sequences` is for streams: convert its `keras_action.streaming_model`. "
                f"Received: output_shape={output_shape}"
            )
        if not isinstance(output_shape, tuple) or len(output_shape) != 2:
            raise ValueError(
                f"Expected a model with one output, logits of shape (B, classes). Received: output_shape={output_shape}"
            )
        self.model, self.num_classes, self.names = model, output_shape[-1], LayerNames(model)

    def recordings(self, clips):
        """The clips for calibration and checks, uint8 `(1, T, H, W, 3)`; random pixels for `None`."""
        if clips is None:
            return [_noise((1, *self.clip_shape))]
        limit = None if in_memory(clips) else MAX_REPRESENTATIVE_CLIPS
        return [np.rint(clip).astype("uint8") for clip in iterate_clips(clips, self.clip_shape, limit)]

    def float_file(self, quantization="float32", name="the file"):
        """The `LiteRTFile` with float activations, without metadata. A tensor has one name in all files of a model."""
        return _float_file(self, {CLIP: self.clip_shape}, quantization, name)

    def sequences(self, recordings):
        """Yields the inputs of the steps of each recording, iterables of dicts of arrays, without states."""
        for clip in recordings:
            yield [{CLIP: clip.astype("float32")}]

    def run(self, file, clip):
        """The logits of a file for one of the recordings."""
        return LiteRTModel(file)(clip)


class StreamForm:
    """A streaming model. Its file maps `frame` and states to `logits` and states. Attributes as of `ClipForm`."""

    pixels = FRAME

    def __init__(self, model):
        _check_backend()
        # Without layers that look at other frames, the number of frames of a clip is not known.
        self.clip_shape = (getattr(model, "num_segments", 1), *model.input[FRAME].shape[1:])
        self.model, self.num_classes, self.names = model, model.output[LOGITS].shape[-1], LayerNames(model)

    def recordings(self, clips):
        """As of `ClipForm`, but lists of frames, uint8 `(1, H, W, 3)`, of clips of any length."""
        if clips is None:
            return [list(_noise((2, 1, *self.clip_shape[1:])))]
        return frame_sequences(clips, self.clip_shape[1:])

    def float_file(self, quantization="float32", name="the file"):
        """As of `ClipForm`."""
        shapes = {name: x.shape[1:] for name, x in self.model.input.items()}
        return _float_file(self, shapes, quantization, name)

    def sequences(self, recordings):
        """As of `ClipForm`."""
        for frames in recordings:
            yield ({FRAME: frame.astype("float32")} for frame in frames)

    def run(self, file, frames):
        """The logits of a file for the first frames of one of the recordings."""
        step = LiteRTStream(file)
        return [step(frame) for frame in frames[:_CHECKED_FRAMES]]


def frame_sequences(clips, frame_shape):
    """Lists of frames, uint8 `(1, H, W, 3)`, of clips of any length.

    Args:
        clips: As of `keras_action.litert.convert`.
        frame_shape: `(H, W, 3)`.

    Raises:
        ValueError: If there is no clip, or one is not RGB in 0..255 with frames of this shape.
    """
    limit = None if in_memory(clips) else MAX_REPRESENTATIVE_FRAMES
    sequences, count = [], 0
    for clip in iterate_clips(clips, (None, *frame_shape)):
        clip = np.rint(clip[0] if limit is None else clip[0, : limit - count]).astype("uint8")
        sequences.append([frame[None] for frame in clip])
        count += len(clip)
        if count == limit:
            break
    return sequences


def check_runs(form, file, recording):
    """Raises a `ConversionError` if a file does not run, or its logits are not finite."""
    try:
        logits = form.run(file, recording)
    except (ValueError, RuntimeError) as error:
        raise ConversionError(str(error)) from error
    if not np.isfinite(logits).all():
        raise ConversionError(f"{file.name} gives logits that are not finite. Received: logits={logits}")


def _float_file(form, shapes, quantization, name):
    import keras

    from keras_action.litert.deployment import deployment_model  # it imports Keras

    # The batch is 1: delegates plan their memory in advance.
    inputs = {key: keras.Input(batch_shape=(1, *shape), name=key, dtype="float32") for key, shape in shapes.items()}
    with silenced_output():
        model = in_float32(form.model)
        if hasattr(model, "operations") or isinstance(model, keras.Sequential):  # functional
            model = deployment_model(model)
        outputs = model(inputs if FRAME in inputs else inputs[CLIP], training=False)
    outputs = outputs if isinstance(outputs, dict) else {LOGITS: outputs}
    return LiteRTFile(float_bytes(list(inputs.values()), outputs, form.names, quantization), name)


def _check_backend():
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "LiteRT conversion needs Keras' TensorFlow backend: save the model and convert it with "
            f"KERAS_BACKEND=tensorflow. Received: backend={keras.backend.backend()}"
        )


def _noise(shape):
    return np.random.default_rng(0).integers(0, 256, shape, "uint8")

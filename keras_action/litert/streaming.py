"""Streaming models become LiteRT files: a frame and the states in, logits and the states out."""

import numpy as np

from keras_action.litert.clips import has_an_end
from keras_action.litert.converter import float_file, in_float32
from keras_action.litert.inspection import inspect_bytes
from keras_action.litert.layer_names import LayerNames
from keras_action.litert.quantize import calibrate, quantize
from keras_action.litert.quiet import quiet
from keras_action.litert.requirements import INTEGER, ConversionError
from keras_action.litert.signature import FRAME, STATE
from keras_action.litert.state_edges import quantize_states
from keras_action.litert.stream import LiteRTStream

# Of what may have no end, as a training pipeline. More frames hardly move the ranges any more.
MAX_REPRESENTATIVE_FRAMES = 1024


def is_stream(model):
    """Whether a model is one of `keras_action.streaming_model`."""
    inputs = model.input if hasattr(model, "operations") else None  # functional
    return isinstance(inputs, dict) and FRAME in inputs and all(n == FRAME or n.startswith(STATE) for n in inputs)


def check_backend():
    """Raises a `ValueError` where Keras runs on another backend than TensorFlow."""
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "LiteRT conversion works on Keras' TensorFlow backend: save the model and convert it with "
            f"KERAS_BACKEND=tensorflow. Received: backend={keras.backend.backend()}"
        )


def stream_clip_shape(stream):
    """`(T, H, W, 3)`, T being the frames of a clip of the model that it is the twin of: 1 where it does not tell."""
    check_backend()
    return (getattr(stream, "num_segments", 1), *stream.input["frame"].shape[1:])


def representative_sequences(clips, clip_shape):
    """Lists of frames, uint8 `(1, H, W, 3)`, of clips of any length; random ones where there are none.

    Args:
        clips: As of `keras_action.litert.convert`.
        clip_shape: `(T, H, W, 3)`.

    Raises:
        ValueError: If there is no clip, or one is not RGB in 0..255 of these frames.
    """
    if clips is None:
        noise = np.random.default_rng(0).integers(0, 256, (2, 1, *clip_shape[1:]), "uint8")
        return [list(noise)]
    limit = None if has_an_end(clips) else MAX_REPRESENTATIVE_FRAMES
    sequences, count = [], 0
    for item in clips:
        item, _, weights = (*item, None, None)[:3] if isinstance(item, (tuple, list)) else (item, None, None)
        item = np.asarray(item)
        for place, clip in enumerate(item[None] if item.ndim == 4 else item):
            if weights is not None and not np.ravel(weights)[place]:
                continue  # it could not be decoded
            if clip.ndim != 4 or clip.shape[1:] != clip_shape[1:]:
                raise ValueError(
                    f"Clips must be frames of shape {clip_shape[1:]}, one after the other. Received: {item.shape}"
                )
            low, high = float(clip.min()), float(clip.max())
            if not (low >= 0 and high <= 255):  # NaN fails too
                raise ValueError(f"Clips must be RGB in 0..255. Received: values from {low} to {high}")
            clip = np.rint(clip if limit is None else clip[: limit - count]).astype("uint8")
            sequences.append([frame[None] for frame in clip])
            count += len(clip)
            if count == limit:
                return sequences
    if not count:
        raise ValueError(f"At least one clip of frames of shape {clip_shape[1:]} is needed. Received: clips={clips}")
    return sequences


def stream_logits(path, stream, clips):
    """What a streaming model and its file give for each frame of some clips.

    Args:
        path: The `.tflite` file.
        stream: The model of `keras_action.streaming_model` that it came from.
        clips: As of `representative_sequences`.

    Returns:
        Two arrays `(frames, classes)`: of the model and of the file.

    Raises:
        ValueError: where the file is not one of this model, or there is no clip.
    """
    file = LiteRTStream(path)
    shapes = tuple(tuple(x.shape[1:]) for x in (stream.input["frame"], stream.output["logits"]))
    if (file.frame_shape, (file.num_classes,)) != shapes:
        raise ValueError(
            f"{path} is not a file of this model. Received: {file.frame_shape} → {file.num_classes} classes in the "
            f"file, {shapes[0]} → {shapes[1][0]} in the model"
        )
    expected, actual = [], []
    for frames in representative_sequences(clips, (1, *file.frame_shape)):
        file.reset()
        states = {name: np.zeros((1, *x.shape[1:]), "float32") for name, x in stream.input.items() if name != "frame"}
        for frame in frames:
            outputs = stream.predict_on_batch({"frame": frame.astype("float32"), **states})
            expected.append(outputs.pop("logits")[0])
            states = outputs
            actual.append(file(frame))
    return np.stack(expected), np.stack(actual)


def stream_file(stream, quantization, sequences, path, keep_float, float_budget, input_dtype, output_dtype):
    """The bytes of a streaming model's file, without metadata.

    Args:
        stream: A model of `keras_action.streaming_model`, on the TensorFlow backend.
        quantization: One of `keras_action.litert.QUANTIZATIONS`.
        sequences: Lists of frames, uint8 `(1, H, W, 3)`; each begins with the states at zero. One step of each is run
            for int8, and the states go on from one to the next, so that their ranges are those of a stream.
        path: Of the file, for errors.
        keep_float: Names of layers, or patterns, that stay float.
        float_budget: Must be 0: layers are not chosen for a stream.
        input_dtype: `"uint8"` or `"float32"`, of the frame.
        output_dtype: The same, of the logits.

    Returns:
        The bytes, the names of dead activations, and the operators that were kept in float.

    Raises:
        ConversionError: where the converter or the quantiser fails, or the file does not run.
        ValueError: where there is a budget.
    """
    if float_budget:
        raise ValueError(
            "`float_budget` is for clip models; name the layers of a streaming model in `keep_float`. "
            f"Received: float_budget={float_budget}"
        )
    names = LayerNames(stream)
    floats = _float_stream(stream, names, None if quantization in INTEGER else quantization)
    if quantization not in INTEGER:
        return floats, (), []
    kept = names.matching(keep_float, inspect_bytes(floats).graph)
    try:
        with quiet():
            ranges = calibrate(floats, _samples(floats, sequences))
            file, dead = quantize(
                floats,
                ranges,
                lambda file: run_some_steps(file, path, sequences[0]),
                activation_bits=8 if quantization == "int8" else 16,
                keep_float=kept,
                bytes_input="frame" if input_dtype == "uint8" else None,
                bytes_output="logits" if output_dtype == "uint8" else None,
                finish=quantize_states,
            )
    except (ImportError, ConversionError):
        raise
    except Exception as error:  # the quantiser raises whatever it likes
        raise ConversionError(f"{path.name} could not be quantised: {error}") from error
    return file, dead, kept


def _float_stream(stream, names, quantization):
    import keras

    from keras_action.litert.deployment import deployment_model

    # A static batch of one: the delegates plan their memory for it.
    inputs = {
        name: keras.Input(batch_shape=(1, *x.shape[1:]), name=name, dtype="float32") for name, x in stream.input.items()
    }
    with quiet():
        outputs = deployment_model(in_float32(stream))(inputs, training=False)
    return float_file(list(inputs.values()), outputs, names, quantization)


def _samples(file, sequences):
    """What goes into each step: frames, and the states that the float file gave for the frame before."""
    step = LiteRTStream.from_bytes(file, "the float file", num_threads=2)
    for frames in sequences:
        step.reset()
        for frame in frames:
            yield {"frame": frame.astype("float32"), **step.states()}
            step(frame)


def run_some_steps(file, path, frames):
    """Raises a `ConversionError` where a file can't be prepared, or gives what is not finite."""
    try:
        step = LiteRTStream.from_bytes(file, path.name)
        logits = [step(frame) for frame in frames[:4]]
    except (ValueError, RuntimeError) as error:
        raise ConversionError(str(error)) from error
    if not np.isfinite(logits).all():
        raise ConversionError(f"{path.name} gives logits that are not finite. Received: logits={logits}")

"""The streaming model of a causal model: one frame in, its logits out, with explicit states."""

import math
import operator

import keras
import numpy as np
from keras import ops

from keras_action.layers import FoldTime, StreamingStep, UnfoldTime
from keras_action.layers.streaming_step import TEMPORAL
from keras_action.models.graph import Graph
from keras_action.models.insertion import as_functional, copy_layer, finalize_normalizations, uncompiled
from keras_action.utils.signature import FRAME, LOGITS, STATE, returns_sequences

_SHARED = "started"  # one state for all layers: 0 before the first frame, then 1


@keras.saving.register_keras_serializable(package="keras_action")
class StreamingModel(keras.Model):
    """The functional model that `streaming_model` returns.

    Args:
        num_segments: Integer T, the frames of a clip of the causal model.
        return_sequences: Whether the causal model was one with `return_sequences`: the logits of each frame then stand
            for themselves, otherwise their mean over T frames was trained.
    """

    def __init__(self, *args, num_segments=1, return_sequences=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.num_segments = num_segments
        self.return_sequences = return_sequences

    def export(self, filepath, format="tf_saved_model", **kwargs):
        """As `keras.Model.export`; an ONNX file has no name twice, so its output states are called `next_state_…`."""
        if format != "onnx":
            return super().export(filepath, format, **kwargs)
        outputs = {f"next_{name}" if name.startswith(STATE) else name: x for name, x in self.output.items()}
        flat = keras.Model(list(self.input.values()), outputs, name=self.name)
        flat([np.zeros((1, *x.shape[1:]), x.dtype) for x in flat.inputs])  # Keras exports only models that were called
        return flat.export(filepath, format, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "num_segments": self.num_segments,
            "return_sequences": self.return_sequences,
        }


def streaming_model(model, average_over=None):
    """The streaming model of a causal model: it takes a video frame by frame, and computes no frame twice.

    Its inputs are `frame` and the states, its outputs `logits` and the next states, under the same names,
    `state_<layer>_<part>`. Before the first frame of a video all states are zeros (`initial_states`). The mean of the
    logits over the first T frames is the output of `model` for a clip of these frames, but for rounding; of a model
    with `return_sequences` each frame's logits are. A video may have any number of frames.

    The weights are copies. Batch normalisation uses its stored statistics: the streaming model is for inference.

    Args:
        model: A model of `build_action_net`, `build_tsm` or `build_tsn` with `causal=True` (TSN may do without), or
            any functional model that folds time, computes logits of each frame and takes their mean, or unfolds time
            only, as these do.
        average_over: `None` for the logits of the frame, or an integer n for the mean over the last n frames, with the
            logits of n − 1 frames as a state. Frames before the first count as zeros.

    Returns:
        A functional `keras.Model`: `{"frame": (B, H, W, 3), "state_…": (B, …)}` → `{"logits": (B, classes),
        "state_…": (B, …)}`. No tensor has more than four dimensions. Its attributes `num_segments` and
        `return_sequences` are those of `model`.

    Raises:
        ValueError: if a layer reads later frames, or the model does not have this form.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83, causal=True)
    >>> stream = keras_action.streaming_model(model)
    >>> states = keras_action.initial_states(stream)
    >>> for frame in video:  # RGB 0..255, (224, 224, 3)
    ...     outputs = stream.predict_on_batch({"frame": frame[None], **states})
    ...     logits = outputs.pop("logits")
    ...     states = outputs

    Reference: TSM, [Lin et al., 2019](https://arxiv.org/abs/1811.08383), section 4.2, online models.
    """
    model = as_functional(model)
    _check_form(model)
    if average_over is not None and operator.index(average_over) < 1:
        raise ValueError(f"`average_over` must be None or at least 1. Received: average_over={average_over}")
    frame = keras.Input(model.input_shape[2:], name=FRAME)
    inputs, outputs, copies = {FRAME: frame}, {}, {}
    made = []

    def call(layer, *args, **kwargs):
        if layer.name in copies:
            raise ValueError(f"A layer that is used twice cannot be rebuilt. Received: layer {layer.name!r}")
        if isinstance(layer, FoldTime):
            return args[0]
        if isinstance(layer, UnfoldTime):
            made.append(args[0])
        if isinstance(layer, (UnfoldTime, keras.layers.GlobalAveragePooling1D)):
            return frame  # the output of the clone, which must depend on its input only
        copies[layer.name] = copy = copy_layer(layer)
        output = _step(copy, args[0], inputs, outputs) if isinstance(layer, TEMPORAL) else copy(*args, **kwargs)
        made.append(output)
        return output

    # Only what the calls make is needed, not the clone.
    start = keras.tree.pack_sequence_as(model.input, [frame])
    plain = uncompiled(model)
    keras.models.clone_model(plain, input_tensors=start, clone_function=lambda layer: layer, call_function=call)
    logits = made[-1]
    if average_over is not None:
        logits = _average(logits, operator.index(average_over), inputs, outputs)
    stream = StreamingModel(
        inputs,
        {LOGITS: logits, **outputs},
        name=f"{model.name}_stream",
        num_segments=model.input_shape[1],
        return_sequences=returns_sequences(model),
    )
    for name, copy in copies.items():
        if getattr(copy, "weights", None):
            copy.set_weights(model.get_layer(name).get_weights())
            finalize_normalizations(copy)
    return stream


def initial_states(stream, batch_size=1):
    """The states before the first frame of a video: zeros.

    Args:
        stream: A model of `streaming_model`.
        batch_size: Integer B, the number of videos in a batch.

    Returns:
        Dict from the states' names to NumPy arrays `(B, …)`.
    """
    return {name: np.zeros((batch_size, *x.shape[1:]), x.dtype) for name, x in _states(stream).items()}


def state_bytes(stream):
    """The size of the states of one video in bytes."""
    return sum(math.prod(x.shape[1:]) * np.dtype(x.dtype).itemsize for x in _states(stream).values())


def _step(layer, x, inputs, outputs):
    """Applies a temporal layer to one frame, and adds its states to the inputs and outputs."""
    shapes = layer.state_shapes(x.shape)
    names = [f"{STATE}{part}" if part == _SHARED else f"{STATE}{layer.name}_{part}" for part in shapes]
    for name, shape in zip(names, shapes.values(), strict=True):
        if name not in inputs:
            inputs[name] = keras.Input(shape, name=name, dtype=layer.compute_dtype)
    step = StreamingStep(layer, name=layer.name, dtype=layer.dtype_policy)
    x, *states = step([x, *(inputs[name] for name in names)])
    outputs.update(zip(names, states, strict=True))
    return x


def _average(logits, count, inputs, outputs):
    """The mean over the logits of the last `count` frames, with those before as a state."""
    if count == 1:
        return logits
    name = f"{STATE}{LOGITS}"
    before = inputs[name] = keras.Input((count - 1, logits.shape[-1]), name=name)
    window = ops.concatenate([before, ops.expand_dims(logits, 1)], axis=1)
    outputs[name] = window[:, 1:]
    return ops.mean(window, axis=1)


def _states(stream):
    """Dict from the names of a streaming model's states to its inputs."""
    if not isinstance(getattr(stream, "input", None), dict) or FRAME not in stream.input:
        raise ValueError(f"A model of `streaming_model` is expected. Received: {stream!r}")
    return {name: x for name, x in stream.input.items() if name != FRAME}


def _check_form(model):
    """Raises a `ValueError` if the model reads later frames, or does not end in its frames' logits or their mean."""
    for layer in model.layers:
        if isinstance(layer, TEMPORAL) and not layer.causal:
            raise ValueError(
                "A model that reads later frames cannot take them one by one: build and train it with `causal=True`. "
                f"Received: model {model.name!r}, whose layer {layer.name!r} has causal=False"
            )
    graph = Graph(model)
    ends = [layer.name for layer in model.layers if isinstance(layer, (FoldTime, UnfoldTime))]
    inputs = [name for name, sources in graph.sources.items() if not sources]
    last = list(graph.order)[-1]
    fits = (
        len(inputs) == 1
        and len(ends) == 2
        and graph.sources[ends[0]] == inputs
        and (
            last == ends[1]
            or (
                isinstance(graph.operations[last], keras.layers.GlobalAveragePooling1D)
                and graph.sources[last] == ends[1:]
            )
        )
        and len(model.outputs) == 1
    )
    if not fits:
        raise ValueError(
            "`model` must fold time into the batch (FoldTime), compute the logits of each frame, unfold time "
            "(UnfoldTime) and take the mean (GlobalAveragePooling1D) or none, as the models of `build_action_net` do. "
            f"Received: model {model.name!r}"
        )

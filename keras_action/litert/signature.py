"""The one signature of a LiteRT file, and how to run it. It needs NumPy and ai-edge-litert, no TensorFlow."""

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.quiet import quiet

SIGNATURE = "serving_default"
FRAME, LOGITS, STATE = "frame", "logits", "state_"


def prepare(file, name, num_threads=1):
    """Prepare a file, given as bytes, to be run.

    Args:
        file: The bytes.
        name: How errors speak of it.
        num_threads: The number of threads that the interpreter may use.

    Returns:
        The interpreter, its signatures, and the runner of ours, or `None` where there is none.

    Raises:
        RuntimeError: If the interpreter can't prepare it.
    """
    interpreter_module = require("ai_edge_litert.interpreter")
    try:
        with quiet():  # the delegate announces itself
            interpreter = interpreter_module.Interpreter(model_content=file, num_threads=num_threads)
            signatures = interpreter.get_signature_list()
            if SIGNATURE not in signatures:
                return interpreter, signatures, None
            interpreter.allocate_tensors()
            return interpreter, signatures, interpreter.get_signature_runner(SIGNATURE)
    except (ValueError, RuntimeError) as error:
        raise RuntimeError(f"{name}: the LiteRT interpreter can't prepare this file: {error}") from error


def takes_frames(file):
    """Whether a file, given as bytes, is a streaming model, by its signature, without preparing it to run.

    Of what is no LiteRT file it is not: whoever loads it says what is wrong with it.
    """
    try:
        with quiet():
            signatures = require("ai_edge_litert.interpreter").Interpreter(model_content=file).get_signature_list()
    except (RuntimeError, ValueError):
        return False
    return any(FRAME in names["inputs"] for names in signatures.values())


def real_values(values, quantization):
    """The real values of a tensor: of integers by its `(scale, zero point)`; floats, whose scale is 0, are that."""
    scale, zero_point = quantization
    return (values.astype("float32") - zero_point) * np.float32(scale) if scale else values

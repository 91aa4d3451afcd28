"""A float LiteRT file becomes a whole-integer one: bytes in, float logits out."""

import os

import numpy as np

from keras_action.litert.extras import require

SIGNATURE = "serving_default"

# What never exceeds this on the representative clips is dead: a range of its own would be nothing but noise, and a
# scale that small makes the delegate refuse the file ("failed to create XNNPACK runtime").
_DEAD = 1e-6
# Ranges smaller than these are widened to them, one after the other, until the delegate takes the file.
_SMALLEST_RANGES = (_DEAD, 1e-4, 1e-2)


def quantize_int8(float_file, clips, check):
    """Quantise weights and activations to int8.

    Ranges go from the least to the greatest value over all representative clips;
    a moving average, the quantiser's own way, cuts off what is rare. The
    input's is 0..255 whatever the clips, so that a pixel's byte is its own
    quantised value and the file takes bytes. The output is turned back to floats.

    Activations that are dead on all clips, as behind a ReLU they can be, get the
    range 0..1 (or -1..1): zero stays zero, and a later clip may wake them.

    Args:
        float_file: The bytes of the float32 file.
        clips: Yields representative clips, float32 `(1, T, H, W, 3)` in 0..255.
        check: Called with the bytes of a file; raises `RuntimeError` if it does not run.

    Returns:
        The bytes of the file, and the names of the dead activations.

    Raises:
        RuntimeError: If no file passes the check; it is the check's last error.
    """
    quantizer = require("ai_edge_quantizer.quantizer")
    recipe = _recipe()
    input_name = _input_name(float_file)
    ranges = _calibrate(float_file, clips, recipe)
    ranges[input_name] = {name: np.full_like(ranges[input_name][name], value) for name, value in _BYTES}
    dead = tuple(sorted(name for name, value in ranges.items() if value and _magnitude(value) < _DEAD))
    for smallest in _SMALLEST_RANGES:
        widened = {name: _widen(value, smallest) if value else value for name, value in ranges.items()}
        result = quantizer.Quantizer(float_file, recipe).quantize(widened, enable_progress_report=False)
        file = _take_bytes(result.quantized_model)
        try:
            check(file)
        except RuntimeError as error:
            failure = error
        else:
            return file, dead
    raise failure


_BYTES = (("min", 0.0), ("max", 255.0))


def _recipe():
    quantizer = require("ai_edge_quantizer.quantizer")
    recipe = require("ai_edge_quantizer.recipe")
    return [
        *recipe.static_wi8_ai8(),
        # The edges stay float here: the output for good, the input until `_take_bytes`.
        *(
            {"regex": ".*", "operation": edge, "algorithm_key": quantizer.AlgorithmName.NO_QUANTIZE}
            for edge in ("INPUT", "OUTPUT")
        ),
    ]


def _calibrate(float_file, clips, recipe):
    """The least and the greatest value of each tensor over all clips: `{name: {"min": …, "max": …}}`."""
    calibrator = require("ai_edge_quantizer.calibrator")
    manager = require("ai_edge_quantizer.recipe_manager").RecipeManager()
    manager.load_quantization_recipe(recipe)
    calibration = calibrator.Calibrator(
        float_file,
        num_threads=os.cpu_count() or 1,
        # The other mode keeps all activations of a clip, a gigabyte of them, and takes five times as long.
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=require("ai_edge_quantizer.utils.qsv_utils").min_max_update,
    )
    for clip in clips:
        calibration.calibrate({SIGNATURE: [{"clip": clip}]}, manager)
    return calibration.get_model_qsvs()


def _input_name(file):
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    graph = flatbuffer.read_model_from_bytearray(bytearray(file)).subgraphs[0]
    return graph.tensors[graph.inputs[0]].name.decode()


def _magnitude(value):
    return max(np.abs(value["min"]).max(), np.abs(value["max"]).max())


def _widen(value, smallest):
    """A range that is not too small: as it is, or up to `smallest`, or up to 1 where nothing is known of it."""
    magnitude = _magnitude(value)
    if magnitude >= smallest:
        return value
    bound = 1.0 if magnitude < _DEAD else smallest
    signed = np.min(value["min"]) < 0
    return {"min": np.full_like(value["min"], -bound if signed else 0.0), "max": np.full_like(value["max"], bound)}


def _take_bytes(file):
    """Change the input from float32 to uint8.

    The first operator quantises the input to int8 with scale 1 and zero point
    -128. Of a uint8 input with scale 1 and zero point 0 it is the very same operator,
    which then only moves the zero point.
    """
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    schema = require("ai_edge_litert.schema_py_generated")
    model = flatbuffer.read_model_from_bytearray(bytearray(file))
    graph = model.subgraphs[0]
    index = graph.inputs[0]
    for operator in graph.operators:
        if index in operator.inputs:
            quantized = graph.tensors[operator.outputs[0]].quantization
            name = flatbuffer.opcode_to_name(model, operator.opcodeIndex)
            if name != "QUANTIZE" or quantized.scale[0] != 1.0 or quantized.zeroPoint[0] != -128:
                raise RuntimeError(f"The quantised file does not begin with bytes. Received: operator={name}")
    graph.tensors[index].type = schema.TensorType.UINT8
    graph.tensors[index].quantization = schema.QuantizationParametersT()
    graph.tensors[index].quantization.scale = [1.0]
    graph.tensors[index].quantization.zeroPoint = [0]
    return bytes(flatbuffer.convert_object_to_bytearray(model))

"""A float LiteRT file becomes one of integers: bytes in, logits out."""

import os
import re

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.signature import SIGNATURE

# What never exceeds this on the representative clips is dead: a range of its own would be nothing but noise, and a
# scale that small makes the delegate refuse the file ("failed to create XNNPACK runtime").
_DEAD = 1e-6
# Ranges smaller than these are widened to them, one after the other, until the delegate takes the file.
_SMALLEST_RANGES = (_DEAD, 1e-4, 1e-2)

_BYTES = (("min", 0.0), ("max", 255.0))


def calibrate(file, samples):
    """The least and the greatest value of each tensor over all samples.

    A moving average, the quantiser's own way, would cut off what is rare.

    Args:
        file: The bytes of a float32 file.
        samples: Yields dicts of inputs by their names in the signature, each with a batch of one.

    Returns:
        A dict: tensor's name → `{"min": …, "max": …}`.
    """
    calibrator = require("ai_edge_quantizer.calibrator")
    manager = require("ai_edge_quantizer.recipe_manager").RecipeManager()
    manager.load_quantization_recipe(_recipe(8, ()))
    calibration = calibrator.Calibrator(
        file,
        num_threads=os.cpu_count() or 1,
        # The other mode keeps all activations of a clip, a gigabyte of them, and takes five times as long.
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=require("ai_edge_quantizer.utils.qsv_utils").min_max_update,
    )
    for sample in samples:
        calibration.calibrate({SIGNATURE: [sample]}, manager)
    return calibration.get_model_qsvs()


def quantize(
    file,
    ranges,
    check,
    *,
    is_good=None,
    activation_bits=8,
    keep_float=(),
    bytes_input=None,
    bytes_output=None,
    finish=None,
):
    """Quantise weights to int8, a scale for each channel, and activations to int8 or int16.

    Activations that are dead on all clips, as behind a ReLU they can be, get the range 0..1 (or -1..1): zero stays
    zero, and a later clip may wake them.

    Args:
        file: The bytes of the float32 file.
        ranges: What `calibrate` gives.
        check: Called with the bytes of a file; raises `RuntimeError` if it does not run.
        is_good: Called with the bytes of a file that passed the check; returns whether ranges may stay as they are, or
            small ones should be widened further, as scales that are too far apart keep an operator from the delegate.
            If no file is good, the first that passed is taken.
        activation_bits: 8, or 16: symmetric, and without XNNPACK.
        keep_float: The `OperatorSummary` of the operators that stay float.
        bytes_input: The name of the input, RGB in 0..255, that is to take bytes; `None` for none. Its range is 0..255
            whatever the clips, so that a pixel's byte is its own quantised value.
        bytes_output: The name of the output that is to give bytes; `None` for none. All others are float.
        finish: Called with the bytes of a file; returns those of the file that is checked and returned.

    Returns:
        The bytes of the file, and the names of the dead activations.

    Raises:
        RuntimeError: If no file passes the check; it is the check's last error.
    """
    quantizer = require("ai_edge_quantizer.quantizer")
    recipe = _recipe(activation_bits, keep_float)
    tensors = _signature_tensors(file)
    ranges = dict(ranges)
    if bytes_input is not None:
        name = tensors[bytes_input]
        ranges[name] = {bound: np.full_like(ranges[name][bound], value) for bound, value in _BYTES}
    dead = tuple(sorted(name for name, value in ranges.items() if value and _magnitude(value) < _DEAD))
    passed = None
    for smallest in _SMALLEST_RANGES:
        widened = {name: _widen(value, smallest) if value else value for name, value in ranges.items()}
        result = quantizer.Quantizer(file, recipe).quantize(widened, enable_progress_report=False)
        quantized = _finish(result.quantized_model, bytes_input, bytes_output)
        quantized = finish(quantized) if finish else quantized
        try:
            check(quantized)
        except RuntimeError as error:
            failure = error
            continue
        if is_good is None or is_good(quantized):
            return quantized, dead
        passed = passed or quantized
    if passed is None:
        raise failure
    return passed, dead


def _recipe(activation_bits, keep_float):
    quantizer = require("ai_edge_quantizer.quantizer")
    recipe = require("ai_edge_quantizer.recipe")
    keep = quantizer.AlgorithmName.NO_QUANTIZE
    return [
        *(recipe.static_wi8_ai8() if activation_bits == 8 else recipe.static_wi8_ai16()),
        # The edges stay float here, for good or until `_finish`.
        *({"regex": ".*", "operation": edge, "algorithm_key": keep} for edge in ("INPUT", "OUTPUT")),
        *(
            {"regex": f"^{re.escape(';'.join(operator.tensors))};$", "operation": "*", "algorithm_key": keep}
            for operator in keep_float
        ),
    ]


def tensors_with_bytes(file, bytes_input, bytes_output):
    """The names of the tensors of `bytes_input` and `bytes_output` in a file, as of `quantize`: a set."""
    tensors = _signature_tensors(file)
    return {tensors[name] for name in (bytes_input, bytes_output) if name is not None}


def _signature_tensors(file):
    """The names of the tensors of the signature's inputs and outputs."""
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    model = flatbuffer.read_model_from_bytearray(bytearray(file))
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    return {
        entry.name.decode(): graph.tensors[entry.tensorIndex].name.decode()
        for entry in (*signature.inputs, *signature.outputs)
    }


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


def _finish(file, bytes_input, bytes_output):
    """What the quantiser leaves to do: bytes at the edges, and sums of 16-bit integers with any scale."""
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    model = flatbuffer.read_model_from_bytearray(bytearray(file))
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    places = {entry.name.decode(): entry.tensorIndex for entry in (*signature.inputs, *signature.outputs)}
    if bytes_input is not None:
        _take_bytes(model, graph, places[bytes_input])
    if bytes_output is not None:
        _give_bytes(model, graph, places[bytes_output])
    for operator in graph.operators:
        # The schema's default says that the scales of ADD and SUB are powers of two; the quantiser's are not.
        if hasattr(operator.builtinOptions, "potScaleInt16"):
            operator.builtinOptions.potScaleInt16 = False
    return bytes(flatbuffer.convert_object_to_bytearray(model))


def _take_bytes(model, graph, index):
    """Change an input from float32 to uint8.

    Its first operator quantises it to int8 with scale 1 and zero point -128. Of a uint8 input with scale 1 and zero
    point 0 it is the very same operator, which then only moves the zero point.
    """
    for operator in graph.operators:
        if index in operator.inputs:
            quantized = graph.tensors[operator.outputs[0]].quantization
            if _name(model, operator) != "QUANTIZE" or quantized.scale[0] != 1.0 or quantized.zeroPoint[0] != -128:
                raise RuntimeError(
                    "A file that takes bytes must begin with integers: the first layer can't be kept float. "
                    f"Received: {_name(model, operator)}"
                )
    _make_uint8(graph.tensors[index], 1.0, 0)


def _give_bytes(model, graph, index):
    """Change an output from float32 to uint8: its last operator no longer makes it float, but moves the zero point."""
    schema = require("ai_edge_litert.schema_py_generated")
    (operator,) = (operator for operator in graph.operators if index in operator.outputs)
    given = graph.tensors[operator.inputs[0]]
    if _name(model, operator) != "DEQUANTIZE" or given.type != schema.TensorType.INT8:
        raise RuntimeError(
            "A file that gives bytes must end with integers: the last layer can't be kept float. "
            f"Received: {_name(model, operator)}"
        )
    operator.opcodeIndex = _opcode(model, schema.BuiltinOperator.QUANTIZE)
    operator.builtinOptionsType, operator.builtinOptions = (
        schema.BuiltinOptions.QuantizeOptions,
        schema.QuantizeOptionsT(),
    )
    _make_uint8(graph.tensors[index], float(given.quantization.scale[0]), int(given.quantization.zeroPoint[0]) + 128)


def _opcode(model, builtin):
    """The place of an operator in the model's list of them, to which it is added if need be."""
    schema = require("ai_edge_litert.schema_py_generated")
    for place, code in enumerate(model.operatorCodes):
        if code.builtinCode == builtin:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, builtin, 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _make_uint8(tensor, scale, zero_point):
    schema = require("ai_edge_litert.schema_py_generated")
    tensor.type = schema.TensorType.UINT8
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]


def _name(model, operator):
    return require("ai_edge_litert.tools.flatbuffer_utils").opcode_to_name(model, operator.opcodeIndex)

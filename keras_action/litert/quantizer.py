"""Quantises float LiteRT files to integers."""

import os
import re

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.file import LiteRTFile
from keras_action.litert.integer_edges import make_input_uint8, make_output_uint8, make_states_integers, read_integers
from keras_action.utils.signature import SIGNATURE, is_state

# Activations that never exceed this on the representative clips are dead. Their range would be noise, and the delegate
# refuses files with such small scales ("failed to create XNNPACK runtime").
_DEAD = 1e-6
# Smaller ranges are widened to these, one after the other, until the delegate computes the file.
_SMALLEST_RANGES = (_DEAD, 1e-4, 1e-2)

# The share of a stream's steps whose values are within the int8 ranges. With fewer than `_FEW_STEPS` all are.
_STEPS_WITHIN = 0.97
_FEW_STEPS = 100

_PIXELS = (("min", 0.0), ("max", 255.0))


def calibrate(file, sequences, activation_bits=8):
    """The range of each tensor: from its smallest to its largest value, or for a stream in int8 of 97 % of the steps.

    The rare steps with the largest values would make the ranges of int8 too wide for all others. Whole clips are too
    few to tell which values are rare, so none is left out. (The quantiser's default is a moving average.)

    Args:
        file: The `LiteRTFile` with float activations.
        sequences: Iterables of steps: dicts of inputs by their names in the signature, with a batch of one, without
            states. The states are zeros before each sequence, and come from the step before otherwise.
        activation_bits: 8 or 16, of the activations.

    Returns:
        A dict from names of tensors to `{"min": …, "max": …}`.
    """
    calibrator = require("ai_edge_quantizer.calibrator")
    manager = require("ai_edge_quantizer.recipe_manager").RecipeManager()
    manager.load_quantization_recipe(_recipe(8, ()))
    calibration = calibrator.Calibrator(
        file.data,
        num_threads=os.cpu_count() or 1,
        # The other mode stores all activations of a clip, a gigabyte, and takes five times as long.
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=lambda before, new: new,
    )
    zeros = {name: file.tensor(index).zeros() for name, index in file.inputs.items() if is_state(name)}
    extremes = []
    for steps in sequences:
        states = zeros
        for step in steps:
            calibration.calibrate({SIGNATURE: [{**step, **states}]}, manager, cache_output=bool(zeros))
            if zeros:
                (outputs,) = calibration.get_cached_output()
                calibration.clear_cached_output()
                states = {name: outputs[name] for name in zeros}
            extremes.append(dict(calibration.get_model_qsvs()))
    share = _STEPS_WITHIN if zeros and activation_bits == 8 and len(extremes) >= _FEW_STEPS else 1.0
    return {name: _range([step[name] for step in extremes], share) for name in extremes[-1]}


def _range(extremes, share):
    """A range that contains the extremes of a share of the steps; of all steps if it would be dead otherwise."""
    if not extremes[0]:
        return extremes[0]
    smallest, largest = (np.stack([step[bound] for step in extremes]) for bound in ("min", "max"))
    whole = {"min": smallest.min(axis=0), "max": largest.max(axis=0)}
    within = {"min": np.quantile(smallest, 1 - share, axis=0), "max": np.quantile(largest, share, axis=0)}
    return whole if _magnitude(within) < _DEAD else within


def quantize(
    file, ranges, check, *, accept=None, activation_bits=8, keep_float=(), uint8_input=None, uint8_output=None
):
    """Quantises weights to int8, with a scale for each channel, and activations to int8 or int16.

    States of a streaming model become integers. Activations that are dead on all clips, as they can be behind a ReLU,
    get the range 0..1 or −1..1: zero stays zero, and other clips may have values there.

    Args:
        file: The `LiteRTFile` with float activations.
        ranges: The result of `calibrate`.
        check: Function from a `LiteRTFile`; raises `RuntimeError` if it does not run.
        accept: Function from a `LiteRTFile` that runs to a boolean: False if small ranges should be widened further, as
            the delegate leaves out operators whose scales are too different. If no file is accepted, the first one that
            runs is returned.
        activation_bits: 8, or 16: symmetric, and not computed by XNNPACK.
        keep_float: The `OperatorSummary` of the operators that stay float.
        uint8_input: Name of the input, RGB in 0..255, that becomes uint8; `None` for none. Its range is 0..255, so that
            pixels are quantised values.
        uint8_output: Name of the output that becomes uint8; `None` for none.

    Returns:
        The quantised `LiteRTFile`, and the names of the dead activations.

    Raises:
        RuntimeError: If no file runs: the last error of `check`.
    """
    quantizer = require("ai_edge_quantizer.quantizer")
    recipe = _recipe(activation_bits, keep_float)
    ranges = dict(ranges)
    if uint8_input is not None:
        name = file.tensor_name(file.inputs[uint8_input])
        ranges[name] = {bound: np.full_like(ranges[name][bound], value) for bound, value in _PIXELS}
    dead = tuple(sorted(name for name, value in ranges.items() if value and _magnitude(value) < _DEAD))
    first, failure = None, None
    for smallest in _SMALLEST_RANGES:
        widened = {name: _widen(value, smallest) if value else value for name, value in ranges.items()}
        result = quantizer.Quantizer(file.data, recipe).quantize(widened, enable_progress_report=False)
        quantized = LiteRTFile(result.quantized_model, file.name)
        _finish(quantized, uint8_input, uint8_output)
        try:
            check(quantized)
        except RuntimeError as error:
            failure = error
            continue
        if accept is None or accept(quantized):
            return quantized, dead
        first = first or quantized
    if first is None:
        raise failure
    return first, dead


def _recipe(activation_bits, keep_float):
    quantizer = require("ai_edge_quantizer.quantizer")
    recipe = require("ai_edge_quantizer.recipe")
    keep = quantizer.AlgorithmName.NO_QUANTIZE
    return [
        *(recipe.static_wi8_ai8() if activation_bits == 8 else recipe.static_wi8_ai16()),
        # Inputs and outputs stay float until `_finish`.
        *({"regex": ".*", "operation": edge, "algorithm_key": keep} for edge in ("INPUT", "OUTPUT")),
        *(
            {"regex": f"^{re.escape(';'.join(operator.tensors))};$", "operation": "*", "algorithm_key": keep}
            for operator in keep_float
        ),
    ]


def _magnitude(value):
    return max(np.abs(value["min"]).max(), np.abs(value["max"]).max())


def _widen(value, smallest):
    """A range of at least `smallest`; a dead one becomes 1."""
    magnitude = _magnitude(value)
    if magnitude >= smallest:
        return value
    bound = 1.0 if magnitude < _DEAD else smallest
    signed = np.min(value["min"]) < 0
    return {"min": np.full_like(value["min"], -bound if signed else 0.0), "max": np.full_like(value["max"], bound)}


def _finish(file, uint8_input, uint8_output):
    """Edits that the quantiser does not make: integers at inputs and outputs, and sums of int16 with any scale."""
    read_integers(file)
    if uint8_input is not None:
        make_input_uint8(file, uint8_input)
    if uint8_output is not None:
        make_output_uint8(file, uint8_output)
    for operator in file.graph.operators:
        # The schema's default says that the scales of ADD and SUB are powers of two; the quantiser's are not.
        if hasattr(operator.builtinOptions, "potScaleInt16"):
            operator.builtinOptions.potScaleInt16 = False
    make_states_integers(file)
    file.edited()

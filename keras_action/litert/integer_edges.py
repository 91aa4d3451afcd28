"""Makes float inputs and outputs of a quantised LiteRT file integers."""

from keras_action.litert.extras import require
from keras_action.utils.signature import is_state

# Operators whose inputs may have different scales.
_ANY_SCALE = {"ADD", "MUL", "SUB"}


def read_integers(file):
    """Lets operators of integers read integers where the quantiser had them read a dequantised output.

    The quantiser marks the outputs of the graph as read by operator −1, and then takes that for the last operator. In a
    model with a memory it is the classifier, which reads the state of the memory.

    Args:
        file: A quantised `LiteRTFile`.
    """
    schema = require("ai_edge_litert.schema_py_generated")
    operators, tensors = file.graph.operators, file.graph.tensors
    sources = {
        operator.outputs[0]: operator.inputs[0]
        for operator in operators
        if file.operator_name(operator) == "DEQUANTIZE" and operator.outputs[0] in file.graph.outputs
    }
    for operator in operators:
        if all(tensors[index].type != schema.TensorType.FLOAT32 for index in operator.outputs):
            operator.inputs = [sources.get(index, index) for index in operator.inputs]
    file.edited()


def make_input_uint8(file, name):
    """Changes an input from float32 to uint8.

    Its first operator quantises it to int8 with scale 1 and zero point −128. For a uint8 input with scale 1 and zero
    point 0 it is the same operator, which then only moves the zero point.

    Args:
        file: A `LiteRTFile`.
        name: Name of the input.

    Raises:
        RuntimeError: If the first operator computes with floats.
    """
    index = file.inputs[name]
    for operator in file.graph.operators:
        if index in operator.inputs:
            quantized = file.graph.tensors[operator.outputs[0]].quantization
            kind = file.operator_name(operator)
            if kind != "QUANTIZE" or quantized.scale[0] != 1.0 or quantized.zeroPoint[0] != -128:
                raise RuntimeError(
                    "A file with a uint8 input must begin with integers: the first layer can't be float. "
                    f"Received: {kind}"
                )
    _make_uint8(file.graph.tensors[index], 1.0, 0)
    file.edited()


def make_output_uint8(file, name):
    """Changes an output from float32 to uint8: its last operator moves the zero point instead of dequantising.

    Args:
        file: A `LiteRTFile`.
        name: Name of the output.

    Raises:
        RuntimeError: If the last operator computes with floats.
    """
    schema = require("ai_edge_litert.schema_py_generated")
    index = file.outputs[name]
    (operator,) = (operator for operator in file.graph.operators if index in operator.outputs)
    source, kind = file.graph.tensors[operator.inputs[0]], file.operator_name(operator)
    if kind != "DEQUANTIZE" or source.type != schema.TensorType.INT8:
        raise RuntimeError(
            f"A file with a uint8 output must end with integers: the last layer can't be float. Received: {kind}"
        )
    operator.opcodeIndex = _operator_code(file.model, schema.BuiltinOperator.QUANTIZE)
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    _make_uint8(
        file.graph.tensors[index], float(source.quantization.scale[0]), int(source.quantization.zeroPoint[0]) + 128
    )
    file.edited()


def make_states_integers(file):
    """Removes the operators that quantise the states at a streaming file's inputs and dequantise them at its outputs.

    The results do not change. If the output of a state has another scale than its input, as in motion excitation, the
    input gets the scale of the output if the operators that read it allow that; otherwise, as for a concatenation, the
    output is requantised to the scale of the input. States that only float operators read stay float.

    Args:
        file: A quantised `LiteRTFile` with float states.
    """
    graph = file.graph
    for state in filter(is_state, list(file.inputs)):
        readers = [operator for operator in graph.operators if file.inputs[state] in operator.inputs]
        writers = [operator for operator in graph.operators if file.outputs[state] in operator.outputs]
        if [file.operator_name(x) for x in readers] != ["QUANTIZE"]:
            continue
        if [file.operator_name(x) for x in writers] != ["DEQUANTIZE"]:
            continue
        (quantize,), (dequantize,) = readers, writers
        entering, leaving = quantize.outputs[0], dequantize.inputs[0]
        taken, given = graph.tensors[entering], graph.tensors[leaving]
        file.replace_edge(state, entering)
        graph.operators.remove(quantize)
        if _scale(taken) != _scale(given):
            users = {file.operator_name(operator) for operator in graph.operators if entering in operator.inputs}
            if not users <= _ANY_SCALE:
                _requantize(dequantize, quantize.opcodeIndex, graph.tensors[dequantize.outputs[0]], taken)
                continue
            taken.quantization = given.quantization
        file.replace_edge(state, leaving, output=True)
        graph.operators.remove(dequantize)
    file.edited()


def _requantize(operator, opcode_index, output, like):
    """Makes a DEQUANTIZE a QUANTIZE whose output has the type and the scale of another tensor."""
    operator.opcodeIndex, operator.builtinOptionsType, operator.builtinOptions = opcode_index, 0, None
    output.type, output.quantization = like.type, like.quantization


def _scale(tensor):
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0]), tensor.type


def _operator_code(model, builtin):
    """The index of an operator in the model's list, to which it is added if it is not there."""
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

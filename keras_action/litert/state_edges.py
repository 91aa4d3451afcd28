"""The states of a quantised streaming file go in and come out as integers of one and the same scale."""

from keras_action.litert.extras import require
from keras_action.litert.signature import STATE

# Operators that take each input with a scale of its own.
_ANY_SCALE = {"ADD", "MUL", "SUB"}


def quantize_states(file):
    """Leaves out the operators that make integers of float states, and floats of them again.

    What is computed does not change. Where a state comes out with another scale than it goes in, as that of motion
    excitation may, it is taken in with the one it comes out with, if what takes it can do that; if not, as a
    concatenation, it is brought to the scale that it goes in with as it comes out.

    Args:
        file: The bytes of an integer file whose states are floats.

    Returns:
        The bytes of the file whose states are integers, but for those that only operators kept in float see.
    """
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    model = flatbuffer.read_model_from_bytearray(bytearray(file))
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    given = {entry.name.decode(): entry for entry in signature.outputs}

    def name(operator):
        return flatbuffer.opcode_to_name(model, operator.opcodeIndex)

    for entry in signature.inputs:
        state = entry.name.decode()
        if not state.startswith(STATE):
            continue
        takers = [operator for operator in graph.operators if entry.tensorIndex in operator.inputs]
        makers = [operator for operator in graph.operators if given[state].tensorIndex in operator.outputs]
        if [name(x) for x in takers] != ["QUANTIZE"] or [name(x) for x in makers] != ["DEQUANTIZE"]:
            continue
        (taker,), (maker,) = takers, makers
        inside, outside = graph.tensors[taker.outputs[0]], graph.tensors[maker.inputs[0]]
        _replace(graph.inputs, entry, taker.outputs[0])
        graph.operators.remove(taker)
        if _scale(inside) != _scale(outside):
            users = {name(operator) for operator in graph.operators if taker.outputs[0] in operator.inputs}
            if not users <= _ANY_SCALE:
                _requantize(maker, taker.opcodeIndex, graph.tensors[maker.outputs[0]], inside)
                continue
            inside.quantization = outside.quantization
        _replace(graph.outputs, given[state], maker.inputs[0])
        graph.operators.remove(maker)
    return bytes(flatbuffer.convert_object_to_bytearray(model))


def _requantize(operator, opcode_index, output, like):
    """Makes a DEQUANTIZE a QUANTIZE, whose output is of the type and scale of another tensor."""
    operator.opcodeIndex, operator.builtinOptionsType, operator.builtinOptions = opcode_index, 0, None
    output.type, output.quantization = like.type, like.quantization


def _scale(tensor):
    return float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0]), tensor.type


def _replace(edges, entry, index):
    edges[list(edges).index(entry.tensorIndex)] = index
    entry.tensorIndex = index

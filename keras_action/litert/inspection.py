"""What is inside a LiteRT file, read from the file itself."""

import collections
import dataclasses

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.metadata import read_file
from keras_action.litert.partitions import Partitions, find_partitions
from keras_action.litert.signature import SIGNATURE

# These only change the type or the shape of what is there.
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")
_VARIABLE_OPERATORS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
# Operators with a kernel for each output channel, and the axis of the kernel on which the channels lie.
_CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


@dataclasses.dataclass(frozen=True)
class TensorSummary:
    """An input or output of a file.

    Args:
        shape: Its shape.
        dtype: The name of its type, as `"uint8"`.
        scale: A quantised value less the zero point, times this, is the real value; `None` for floats.
        zero_point: See `scale`.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None

    def __str__(self):
        quantized = "" if self.scale is None else f", (value − {self.zero_point}) · {self.scale:.4g}"
        return f"{self.dtype} {self.shape}{quantized}"


@dataclasses.dataclass(frozen=True)
class OperatorSummary:
    """An operator of a file.

    Args:
        name: As `"CONV_2D"`; of a custom or TensorFlow ("Flex") operator its own name.
        tensors: The names of the tensors it gives.
        inputs: The names of the activations it takes: neither weights nor other constants.
        shape: The shape of the first tensor it gives.
        is_float: Whether it computes with floats; what only changes between floats and integers does not.
        is_foreign: Whether a plain interpreter does not have it.
        multiply_adds: How many it takes; of operators without a kernel, one for each value that they give.
        per_channel: Whether its quantised kernel has a scale for each channel; `None` where it has no such kernel.
    """

    name: str
    tensors: tuple[str, ...]
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    is_float: bool
    is_foreign: bool
    multiply_adds: int
    per_channel: bool | None


@dataclasses.dataclass(frozen=True)
class FileSummary:
    """What is inside a LiteRT file.

    Args:
        size_bytes: The size of the file.
        inputs: The inputs by their names in the signature.
        outputs: The outputs, likewise.
        graph: The `OperatorSummary` of each operator, in the order in which they run.
        dynamic_tensors: The names of tensors whose shape is not known before the file runs.
        partitions: The `Partitions` of XNNPACK, or `None` if the file can't be prepared to run.
    """

    size_bytes: int
    inputs: dict[str, TensorSummary]
    outputs: dict[str, TensorSummary]
    graph: tuple[OperatorSummary, ...]
    dynamic_tensors: tuple[str, ...]
    partitions: Partitions | None

    @property
    def operators(self):
        """The number of operators by name, the most frequent first."""
        return _count(self.graph)

    @property
    def float_operators(self):
        """Of these, the ones that compute with floats."""
        return _count(operator for operator in self.graph if operator.is_float)

    @property
    def foreign_operators(self):
        """The names of custom and TensorFlow ("Flex") operators, which a plain interpreter does not have."""
        return tuple(sorted({operator.name for operator in self.graph if operator.is_foreign}))

    @property
    def variable_operators(self):
        """The names of operators that keep variables, which should have been frozen into constants."""
        return tuple(sorted({operator.name for operator in self.graph if operator.name in _VARIABLE_OPERATORS}))

    @property
    def max_rank(self):
        """The highest rank of a tensor inside: inputs, and what only changes their type, are not counted."""
        return max((len(operator.shape) for operator in self.graph if operator.name not in CONVERSIONS), default=0)

    @property
    def kernels_per_channel(self):
        """How many quantised kernels have a scale for each channel, and how many there are."""
        kernels = [operator.per_channel for operator in self.graph if operator.per_channel is not None]
        return sum(kernels), len(kernels)

    def to_dict(self):
        """The summary as a dict that JSON can hold."""
        return {
            "size_bytes": self.size_bytes,
            "inputs": {name: dataclasses.asdict(tensor) for name, tensor in self.inputs.items()},
            "outputs": {name: dataclasses.asdict(tensor) for name, tensor in self.outputs.items()},
            "operators": self.operators,
            "float_operators": self.float_operators,
            "foreign_operators": list(self.foreign_operators),
            "max_rank": self.max_rank,
            "kernels_per_channel": list(self.kernels_per_channel),
            "partitions": None if self.partitions is None else self.partitions.count,
            "outside_operators": None if self.partitions is None else self.partitions.outside_operators,
        }

    def table(self):
        """The summary as text, one line a figure."""
        partitions = "the file can't be prepared to run"
        if self.partitions is not None:
            outside = _listed(self.partitions.outside_operators) or "nothing"
            partitions = f"{self.partitions.count}; left outside: {outside}"
        lines = [
            f"size              {self.size_bytes / 1e6:.2f} MB",
            *(f"input             {name}: {tensor}" for name, tensor in self.inputs.items()),
            *(f"output            {name}: {tensor}" for name, tensor in self.outputs.items()),
            f"operators         {sum(self.operators.values())}: {_listed(self.operators)}",
            f"  with floats     {sum(self.float_operators.values())}",
            f"  not built in    {', '.join(self.foreign_operators) or 'none'}",
            f"highest rank      {self.max_rank}",
            f"XNNPACK parts     {partitions}",
        ]
        by_channel, kernels = self.kernels_per_channel
        if kernels:
            lines.append(f"integer kernels   {kernels}, {by_channel} with a scale for each channel")
        return "\n".join(lines)

    def __str__(self):
        return self.table()


def inspect_file(path):
    """Say what is inside a LiteRT file.

    Args:
        path: The `.tflite` file.

    Returns:
        A `FileSummary`.

    Raises:
        ValueError: If it is not a LiteRT file.
        OSError: If it can't be read.

    Example:

    >>> summary = inspect_file("gesture.tflite")
    >>> summary.max_rank, summary.partitions.count
    (4, 1)
    """
    return inspect_bytes(read_file(path))


def inspect_bytes(data):
    """`inspect_file`, of a file in memory."""
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    model = flatbuffer.read_model_from_bytearray(bytearray(data))
    operators, dynamic = [], []
    for graph in model.subgraphs:
        operators.extend(_describe(model, graph, operator) for operator in graph.operators)
        dynamic.extend(
            tensor.name.decode()
            for tensor in graph.tensors
            if tensor.shapeSignature is not None and -1 in np.asarray(tensor.shapeSignature)
        )
    inputs, outputs = _signature(model)
    return FileSummary(len(data), inputs, outputs, tuple(operators), tuple(dynamic), find_partitions(data))


def _describe(model, graph, operator):
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    schema = require("ai_edge_litert.schema_py_generated")
    code = model.operatorCodes[operator.opcodeIndex]
    name = flatbuffer.opcode_to_name(model, operator.opcodeIndex)
    if code.customCode:
        name = bytes(code.customCode).decode()
    outputs = [graph.tensors[index] for index in operator.outputs]
    inputs = [graph.tensors[index] for index in operator.inputs if index >= 0]
    constants = [tensor for tensor in inputs if model.buffers[tensor.buffer].data is not None]
    shape = _shape(outputs[0]) if outputs else ()
    floats = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
    kernel = inputs[1] if name in _CHANNEL_AXES else None
    return OperatorSummary(
        name=name,
        tensors=tuple(tensor.name.decode() for tensor in outputs),
        inputs=tuple(tensor.name.decode() for tensor in inputs if tensor not in constants),
        shape=shape,
        is_float=name not in CONVERSIONS and any(tensor.type in floats for tensor in outputs),
        is_foreign=bool(code.customCode),
        multiply_adds=_multiply_adds(name, shape, kernel),
        per_channel=_is_per_channel(name, kernel),
    )


def _multiply_adds(name, shape, kernel):
    values = int(np.prod(shape, dtype=np.int64))
    if kernel is None:
        return values
    return values * int(np.prod(_shape(kernel), dtype=np.int64)) // _shape(kernel)[_CHANNEL_AXES[name]]


def _is_per_channel(name, kernel):
    if kernel is None or kernel.quantization is None or kernel.quantization.scale is None:
        return None
    return len(kernel.quantization.scale) == _shape(kernel)[_CHANNEL_AXES[name]]


def _signature(model):
    """The inputs and the outputs of the file's signature; of a file without one, by the tensors' own names."""
    graph = model.subgraphs[0]
    for signature in model.signatureDefs or ():
        if signature.signatureKey.decode() == SIGNATURE:
            return tuple(
                {entry.name.decode(): _tensor(graph.tensors[entry.tensorIndex]) for entry in entries or ()}
                for entries in (signature.inputs, signature.outputs)
            )
    return tuple(
        {graph.tensors[index].name.decode(): _tensor(graph.tensors[index]) for index in indices}
        for indices in (graph.inputs, graph.outputs)
    )


def _tensor(tensor):
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    dtype = flatbuffer.type_to_name(tensor.type).lower()
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return TensorSummary(_shape(tensor), dtype)
    return TensorSummary(_shape(tensor), dtype, float(quantization.scale[0]), int(quantization.zeroPoint[0]))


def _shape(tensor):
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def _count(operators):
    return dict(collections.Counter(operator.name for operator in operators).most_common())


def _listed(counts):
    return ", ".join(f"{count} {name}" for name, count in counts.items())

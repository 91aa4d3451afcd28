"""Inspection of LiteRT files: tensors, operators and partitions."""

import collections
import dataclasses

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.file import LiteRTFile, TensorSummary, tensor_shape
from keras_action.litert.partitions import Partitions, find_partitions

# Operators that only change the type.
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")
_VARIABLE_OPERATORS = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
# Operators with a kernel, and the axis of its output channels.
_CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


@dataclasses.dataclass(frozen=True)
class OperatorSummary:
    """An operator of a file.

    Args:
        name: Name of the operator, such as `"CONV_2D"`.
        tensors: Names of its outputs.
        inputs: Names of its inputs that are activations: neither weights nor other constants.
        shape: Shape of its first output.
        is_float: Whether it computes with floats. Conversions between floats and integers are not counted.
        is_foreign: Whether it is not one of LiteRT's built-in operators.
        multiply_adds: Number of multiply-adds; of an operator without a kernel, the number of output values.
        per_channel: Whether its quantised kernel has a scale for each channel; `None` without such a kernel.
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
    """The inputs, outputs, operators and partitions of a LiteRT file.

    Args:
        size_bytes: Size of the file.
        inputs: Inputs by their names in the signature.
        outputs: Outputs by their names in the signature.
        graph: The `OperatorSummary` of each operator, in the order of execution.
        dynamic_tensors: Names of tensors whose shape is not known before the file runs.
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
        """The number of operators that compute with floats, by name."""
        return _count(operator for operator in self.graph if operator.is_float)

    @property
    def foreign_operators(self):
        """The names of custom and TensorFlow ("Flex") operators, which are not built into LiteRT."""
        return tuple(sorted({operator.name for operator in self.graph if operator.is_foreign}))

    @property
    def variable_operators(self):
        """The names of operators that read or write variables."""
        return tuple(sorted({operator.name for operator in self.graph if operator.name in _VARIABLE_OPERATORS}))

    @property
    def max_rank(self):
        """The highest rank of an operator's output; conversions of the inputs' types are not counted."""
        return max((len(operator.shape) for operator in self.graph if operator.name not in CONVERSIONS), default=0)

    @property
    def kernels_per_channel(self):
        """The number of quantised kernels with a scale for each channel, and of all quantised kernels."""
        kernels = [operator.per_channel for operator in self.graph if operator.per_channel is not None]
        return sum(kernels), len(kernels)

    def to_dict(self):
        """The summary as a dict for JSON."""
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
        """The summary as text, one line for each figure."""
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
    """Inspects a LiteRT file.

    Args:
        path: Path of the `.tflite` file, or a `LiteRTFile`.

    Returns:
        A `FileSummary`.

    Raises:
        ValueError: If it is not a LiteRT file, or it is damaged or truncated.
        OSError: If it can't be read.

    Example:

    >>> summary = inspect_file("gesture.tflite")
    >>> summary.max_rank, summary.partitions.count
    (4, 1)
    """
    return summarize(LiteRTFile.read(path))


def summarize(file):
    """The `FileSummary` of a `LiteRTFile`."""
    inputs, outputs = (
        {name: file.tensor(index) for name, index in edge.items()} for edge in (file.inputs, file.outputs)
    )
    dynamic = (
        tensor.name.decode()
        for graph in file.model.subgraphs
        for tensor in graph.tensors
        if tensor.shapeSignature is not None and -1 in np.asarray(tensor.shapeSignature)
    )
    return FileSummary(
        len(file.data), inputs, outputs, list_operators(file), tuple(dynamic), find_partitions(file.data)
    )


def list_operators(file):
    """The `OperatorSummary` of each operator of a `LiteRTFile`, a tuple."""
    return tuple(
        _summarize_operator(file, graph, operator) for graph in file.model.subgraphs for operator in graph.operators
    )


def _summarize_operator(file, graph, operator):
    schema = require("ai_edge_litert.schema_py_generated")
    name = file.operator_name(operator)
    outputs = [graph.tensors[index] for index in operator.outputs]
    inputs = [graph.tensors[index] for index in operator.inputs if index >= 0]
    shape = tensor_shape(outputs[0]) if outputs else ()
    floats = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
    kernel = inputs[1] if name in _CHANNEL_AXES else None
    return OperatorSummary(
        name=name,
        tensors=tuple(tensor.name.decode() for tensor in outputs),
        inputs=tuple(tensor.name.decode() for tensor in inputs if not file.is_constant(tensor)),
        shape=shape,
        is_float=name not in CONVERSIONS and any(tensor.type in floats for tensor in outputs),
        is_foreign=bool(file.model.operatorCodes[operator.opcodeIndex].customCode),
        multiply_adds=_multiply_adds(name, shape, kernel),
        per_channel=_is_per_channel(name, kernel),
    )


def _multiply_adds(name, shape, kernel):
    values = int(np.prod(shape, dtype=np.int64))
    if kernel is None:
        return values
    return values * int(np.prod(tensor_shape(kernel), dtype=np.int64)) // tensor_shape(kernel)[_CHANNEL_AXES[name]]


def _is_per_channel(name, kernel):
    if kernel is None or kernel.quantization is None or kernel.quantization.scale is None:
        return None
    return len(kernel.quantization.scale) == tensor_shape(kernel)[_CHANNEL_AXES[name]]


def _count(operators):
    return dict(collections.Counter(operator.name for operator in operators).most_common())


def _listed(counts):
    return ", ".join(f"{count} {name}" for name, count in counts.items())

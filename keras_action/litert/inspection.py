"""What is inside a LiteRT file, read from the file itself."""

import collections
import dataclasses

from keras_action.litert.extras import require
from keras_action.litert.metadata import read_file


@dataclasses.dataclass(frozen=True)
class FileSummary:
    """What is inside a LiteRT file.

    Args:
        size_bytes: The size of the file.
        operators: The number of operators by name, the most frequent first.
        float_operators: Of these, the ones that compute with floats, without
            those that only change between floats and integers.
        foreign_operators: The names of custom and TensorFlow ("Flex") operators,
            which a plain interpreter does not have.
        max_rank: The highest rank of a tensor inside; inputs and what only folds
            them (reshape, quantize) are not counted.
    """

    size_bytes: int
    operators: dict[str, int]
    float_operators: dict[str, int]
    foreign_operators: tuple[str, ...]
    max_rank: int

    def table(self):
        """The summary as text, one line a figure."""
        listed = ", ".join(f"{count} {name}" for name, count in self.operators.items())
        return "\n".join(
            [
                f"size              {self.size_bytes / 1e6:.2f} MB",
                f"operators         {sum(self.operators.values())}: {listed}",
                f"  with floats     {sum(self.float_operators.values())}",
                f"  not built in    {', '.join(self.foreign_operators) or 'none'}",
                f"highest rank      {self.max_rank}",
            ]
        )

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
    """
    return inspect_bytes(read_file(path))


def inspect_bytes(data):
    """`inspect_file`, of a file in memory."""
    flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
    schema = require("ai_edge_litert.schema_py_generated")
    model = flatbuffer.read_model_from_bytearray(bytearray(data))
    operators, float_operators = collections.Counter(), collections.Counter()
    foreign, max_rank = set(), 0
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            name = flatbuffer.opcode_to_name(model, operator.opcodeIndex)
            if code.customCode:
                name = bytes(code.customCode).decode()
                foreign.add(name)
            operators[name] += 1
            outputs = [graph.tensors[index] for index in operator.outputs]
            if name not in ("QUANTIZE", "DEQUANTIZE") and any(
                tensor.type in (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16) for tensor in outputs
            ):
                float_operators[name] += 1
            if name not in ("QUANTIZE", "CAST"):
                max_rank = max([max_rank, *(len(tensor.shape) for tensor in outputs if tensor.shape is not None)])
    return FileSummary(
        size_bytes=len(data),
        operators=dict(operators.most_common()),
        float_operators=dict(float_operators.most_common()),
        foreign_operators=tuple(sorted(foreign)),
        max_rank=max_rank,
    )

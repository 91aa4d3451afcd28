"""The partitions of a file that XNNPACK computes, LiteRT's delegate for CPUs."""

import collections
import dataclasses

from keras_action.litert.extras import require
from keras_action.litert.silence import silenced_output

_DELEGATE = "DELEGATE"


@dataclasses.dataclass(frozen=True)
class Partitions:
    """The partitions of a graph that the delegate computes.

    Args:
        count: Number of partitions. Between two of them, the interpreter's own kernels compute.
        outside: Operators that the delegate leaves to the interpreter: pairs of their name and their output's.
    """

    count: int
    outside: tuple[tuple[str, str], ...]

    @property
    def outside_operators(self):
        """The number of operators left outside by name, the most frequent first."""
        return dict(collections.Counter(name for name, _ in self.outside).most_common())


def find_partitions(data):
    """Prepares a file, and finds the partitions that the delegate computes.

    The interpreter lists all operators of the graph, and after them a node for each partition with its inputs and
    outputs. The operators between these are in the partition.

    Args:
        data: Bytes of a LiteRT file.

    Returns:
        `Partitions`, or `None` if the interpreter can't prepare the file.
    """
    interpreter_module = require("ai_edge_litert.interpreter")
    try:
        with silenced_output():
            interpreter = interpreter_module.Interpreter(model_content=data)
            interpreter.allocate_tensors()
            nodes = interpreter._get_ops_details()
            names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    except (RuntimeError, ValueError):
        return None
    operators = [node for node in nodes if node["op_name"] != _DELEGATE]
    producer = {tensor: place for place, node in enumerate(operators) for tensor in node["outputs"]}
    inside = set()
    delegates = [node for node in nodes if node["op_name"] == _DELEGATE]
    for delegate in delegates:
        entering, waiting = set(delegate["inputs"]), list(delegate["outputs"])
        while waiting:
            tensor = waiting.pop()
            place = producer.get(tensor)
            if tensor not in entering and place is not None and place not in inside:
                inside.add(place)
                waiting.extend(operators[place]["inputs"])
    outside = (node for place, node in enumerate(operators) if place not in inside)
    outside = tuple((node["op_name"], names.get(node["outputs"][0], "")) for node in outside if len(node["outputs"]))
    return Partitions(len(delegates), outside)

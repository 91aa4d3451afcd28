"""How XNNPACK, the delegate that LiteRT uses on a CPU by default, takes a file: in one piece, or in several."""

import collections
import dataclasses

from keras_action.litert.extras import require
from keras_action.litert.quiet import quiet

_DELEGATE = "DELEGATE"


@dataclasses.dataclass(frozen=True)
class Partitions:
    """The parts of a graph that the delegate takes.

    Args:
        count: The number of parts. Between two of them tensors are handed to the interpreter's own kernels and back.
        outside: The operators that the delegate leaves to the interpreter: their name and the tensor they give.
    """

    count: int
    outside: tuple[tuple[str, str], ...]

    @property
    def outside_operators(self):
        """The number of operators left outside by name, the most frequent first."""
        return dict(collections.Counter(name for name, _ in self.outside).most_common())


def find_partitions(file):
    """Prepare a file and see what the delegate takes of it.

    The interpreter lists the operators of the graph, delegated or not, and after them a node for each partition with
    the tensors that enter and leave it. What lies between these is inside.

    Args:
        file: The bytes of a LiteRT file.

    Returns:
        `Partitions`, or `None` if the interpreter can't prepare the file.
    """
    interpreter_module = require("ai_edge_litert.interpreter")
    try:
        with quiet():
            interpreter = interpreter_module.Interpreter(model_content=bytes(file))
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

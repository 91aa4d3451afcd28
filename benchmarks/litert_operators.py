"""Time each operator of a LiteRT file alone, on one thread: where the time of a file goes.

examples:
  python -m benchmarks.litert_operators gesture.tflite
  python -m benchmarks.litert_operators gesture.tflite --rows 20

Each operator is written to a file of its own, with random inputs of its shapes. Operators of equal kind and shapes are
timed once. The sum differs from the time of the whole file: the inputs of a single operator are in the cache, reshapes
are not free, and each call of the interpreter costs about a microsecond.
"""

import collections
import copy
import time

from benchmarks.arguments import benchmark_parser


def time_operators(path, seconds=0.05):
    """Times the operators of a file.

    Args:
        path: The `.tflite` file.
        seconds: How long to repeat each of them.

    Returns:
        A list of `(name, description, milliseconds)`, in the graph's order.
    """
    from keras_action.litert import LiteRTFile

    file, times, rows = LiteRTFile.read(path), {}, []
    graph = file.graph
    for operator in graph.operators:
        name = file.operator_name(operator)
        tensors = [graph.tensors[i] for i in operator.inputs if i >= 0]
        shapes = [f"{'constant ' if file.is_constant(tensor) else ''}{list(tensor.shape)}" for tensor in tensors]
        description = (
            f"{name} {', '.join(shapes)} → {', '.join(str(list(graph.tensors[i].shape)) for i in operator.outputs)}"
        )
        if description not in times:
            times[description] = _time(bytes(_file_of(file, operator)), seconds)
        rows.append((name, description, times[description]))
    return rows


def _file_of(file, operator):
    """The bytes of a file with this operator alone."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model, alone, inside = file.model, schema.ModelT(), schema.SubGraphT()
    alone.version, alone.description, alone.buffers = 3, b"", [schema.BufferT()]
    inside.tensors, places, entering = [], {-1: -1}, []
    for i in [*operator.inputs, *operator.outputs]:
        if i in places:
            continue
        tensor = copy.copy(file.graph.tensors[i])
        if file.is_constant(tensor):
            alone.buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(alone.buffers) - 1
        else:
            tensor.buffer = 0
            if i in operator.inputs:
                entering.append(len(inside.tensors))
        places[i] = len(inside.tensors)
        inside.tensors.append(tensor)
    only = copy.copy(operator)
    only.opcodeIndex = 0
    only.inputs, only.outputs = (
        np.array([places[i] for i in indices], "int32") for indices in (operator.inputs, operator.outputs)
    )
    alone.operatorCodes = [model.operatorCodes[operator.opcodeIndex]]
    inside.operators, inside.inputs, inside.outputs = [only], np.array(entering, "int32"), only.outputs
    alone.subgraphs, alone.metadata, alone.signatureDefs = [inside], [], []
    return flatbuffer_utils.convert_object_to_bytearray(alone)


def _time(file, seconds):
    """Milliseconds of a run, the minimum of five measurements."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    from keras_action.litert.silence import silenced_output

    with silenced_output():
        interpreter = Interpreter(model_content=file, num_threads=1)
        interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for tensor in interpreter.get_input_details():
        values = rng.integers(0, 127, tensor["shape"])
        interpreter.set_tensor(tensor["index"], values.astype(tensor["dtype"]))
    interpreter.invoke()
    spans = []
    for _ in range(5):
        start, runs = time.perf_counter(), 0
        while not runs or time.perf_counter() - start < seconds / 5:
            interpreter.invoke()
            runs += 1
        spans.append((time.perf_counter() - start) / runs)
    return 1000 * min(spans)


def table(rows, count):
    """Markdown: the slowest operators of equal shapes, and all operators by kind."""
    lines = []
    for place, title in ((1, "operator"), (0, "kind")):
        total = collections.defaultdict(lambda: [0, 0.0])
        for row in rows:
            total[row[place]][0] += 1
            total[row[place]][1] += row[2]
        lines += [f"| {title} | number | ms |", "| --- | ---: | ---: |"]
        slowest = sorted(total.items(), key=lambda item: -item[1][1])[:count]
        lines += [f"| {name} | {number} | {milliseconds:.3f} |" for name, (number, milliseconds) in slowest]
        lines.append("")
    return "\n".join([*lines, f"{len(rows)} operators, {sum(row[2] for row in rows):.1f} ms in all"])


def make_parser():
    parser = benchmark_parser("litert_operators", __doc__)
    parser.add_argument("file", metavar="FILE", help="a .tflite file")
    parser.add_argument("--rows", type=int, default=40, metavar="N", help="how many rows a table has (default: 40)")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    try:
        rows = time_operators(arguments.file)
    except (OSError, ImportError, ValueError) as error:
        raise SystemExit(str(error)) from None
    print(table(rows, arguments.rows))


if __name__ == "__main__":
    main()

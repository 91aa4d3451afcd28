"""Time conversion to int8, and its peak memory, beside the bare tools on the same graph and samples.

examples:
  python -m benchmarks.conversion
  python -m benchmarks.conversion --backbones mobilenet_v2 --kinds stream --rounds 3
  python -m benchmarks.conversion --input-size 224 --clips 32 --output conversion.json

  convert    `keras_action.litert.convert`, with its checks of the file
  quantizer  TensorFlow's converter to float32, then ai-edge-quantizer, calibrated as `convert` does
  converter  TensorFlow's converter alone, with a representative dataset

Each run is a process of its own. Its time is that of the conversion alone; its memory is the largest resident set of
the process, with TensorFlow and the model, and the one before the conversion beside it. The bare tools get the graph
that `convert` makes and, for a streaming model, the states: neither is part of their time. The weights are random.
"""

import contextlib
import importlib
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from benchmarks.arguments import add_backbones, add_input_size, add_num_segments, benchmark_parser
from benchmarks.processes import alone

KINDS = ("clip", "stream")
TOOLS = ("converter", "quantizer", "convert")
LIMIT = 1.5
_STEPS = {"converter": "forms.float_bytes", "calibration": "conversion.calibrate", "quantizer": "conversion.quantize"}
_COLUMNS = {"seconds": "s", "cpu_seconds": "processor s", "peak_mb": "peak, MB"}


def measure(tool, path, clips):
    """Converts a model in this process.

    Args:
        tool: One of `TOOLS`.
        path: Path of a `.keras` file, a model of clips or a streaming model.
        clips: Array `(N, T, H, W, 3)`, uint8.

    Returns:
        A dict: `seconds`, `cpu_seconds`, `peak_mb`, `before_mb`, `file_mb`, and for `convert` `steps`, the seconds of
        its steps.
    """
    import keras

    # The first two register the layers of the file.
    import keras_action.layers
    import keras_action.models.streaming  # noqa: F401
    from keras_action.litert.silence import silenced_output

    model, steps = keras.saving.load_model(path, compile=False), {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        run = _timed_convert(model, clips, file, steps) if tool == "convert" else _bare(tool, model, clips, file)
        before, start, cpu_start = _peak_mb(), time.perf_counter(), time.process_time()
        with silenced_output():
            run()
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        return {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "peak_mb": _peak_mb(),
            "before_mb": before,
            "file_mb": file.stat().st_size / 1e6,
            "steps": steps,
        }


def _timed_convert(model, clips, file, steps):
    from keras_action.litert import convert

    def timed(name, function):
        def call(*arguments, **options):
            start = time.perf_counter()
            result = function(*arguments, **options)
            steps[name] = time.perf_counter() - start
            return result

        return call

    def run():
        with contextlib.ExitStack() as stack:
            for name, place in _STEPS.items():
                module, attribute = place.split(".")
                module = importlib.import_module(f"keras_action.litert.{module}")
                timed_function = timed(name, getattr(module, attribute))
                stack.enter_context(mock.patch.object(module, attribute, timed_function))
            convert(model, file, "int8", representative_clips=clips)

    return run


def _bare(tool, model, clips, file):
    """A function that converts with a bare tool."""
    import keras
    import tensorflow as tf

    from keras_action.litert.deployment import deployment_model

    graph, is_stream = deployment_model(model), isinstance(model.input, dict)
    shapes = model.input if is_stream else {"clip": model.input}
    inputs = {name: keras.Input(batch_shape=(1, *x.shape[1:]), name=name) for name, x in shapes.items()}
    outputs = graph(inputs if is_stream else inputs["clip"], training=False)
    outputs = outputs if is_stream else {"logits": outputs}
    graph = keras.Model(list(inputs.values()), outputs)
    samples = list(_samples(graph, list(inputs), clips))

    def convert():
        converter = tf.lite.TFLiteConverter.from_keras_model(graph)
        if tool == "converter":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: iter(samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        data = converter.convert()
        file.write_bytes(_quantize(data, samples) if tool == "quantizer" else data)

    return convert


def _samples(graph, names, clips):
    """Yields the inputs of each step, dicts of arrays."""
    import numpy as np

    for clip in clips:
        clip = clip[None].astype("float32")
        if names == ["clip"]:
            yield {"clip": clip}
            continue
        states = {x.name: np.zeros(x.shape, "float32") for x in graph.inputs if x.name != "frame"}
        for t in range(clip.shape[1]):
            step = {"frame": clip[:, t], **states}
            yield step
            outputs = graph([step[name] for name in names], training=False)
            states = {name: np.asarray(outputs[name]) for name in states}


def _quantize(data, samples):
    from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(recipe.static_wi8_ai8())
    calibration = calibrator.Calibrator(
        data,
        num_threads=os.cpu_count() or 1,
        mode=calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED,
        qsv_update_func=qsv_utils.min_max_update,
    )
    calibration.calibrate({"serving_default": samples}, manager)
    quantized = quantizer.Quantizer(data, recipe.static_wi8_ai8())
    return quantized.quantize(calibration.get_model_qsvs(), enable_progress_report=False).quantized_model


def _peak_mb():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def save_model(path, backbone, kind, num_segments, input_size):
    """Saves ACTION-Net of random weights as a `.keras` file, a model of clips or a streaming one."""
    import keras

    import keras_action
    from benchmarks.litert import take_statistics

    keras.utils.set_random_seed(0)
    model = keras_action.build_action_net(
        backbone, num_classes=27, num_segments=num_segments, input_size=input_size, causal=kind == "stream"
    )
    take_statistics(model, random_clips(1, num_segments, input_size))
    (keras_action.streaming_model(model) if kind == "stream" else model).save(path)


def random_clips(count, num_segments, input_size):
    """Clips as of the comparison with the original, uint8."""
    from benchmarks.original import clips

    return clips(num_segments, input_size, count).astype("uint8")


def measure_file(tool, path, count, num_segments, input_size):
    """As `measure`, on random clips."""
    return measure(tool, path, random_clips(count, num_segments, input_size))


def table(title, results):
    """A Markdown table of the runs of one model, and the steps of `convert`.

    Args:
        title: Its first heading.
        results: Dict from a tool to the list of its runs, results of `measure`.
    """
    medians = {
        tool: {name: statistics.median(run[name] for run in runs) for name in (*_COLUMNS, "before_mb")}
        for tool, runs in results.items()
    }
    heads = " | ".join(f"{head} | convert's" for head in _COLUMNS.values())
    lines = [f"| {title} | {heads} | before, MB |", "| --- |" + " ---: |" * (2 * len(_COLUMNS) + 1)]
    for tool, values in medians.items():
        cells = [tool]
        for name in _COLUMNS:
            cells.append(f"{values[name]:.0f}" if name == "peak_mb" else f"{values[name]:.1f}")
            cells.append(f"{medians['convert'][name] / values[name]:.2f}")
        lines.append(f"| {' | '.join(cells)} | {values['before_mb']:.0f} |")
    steps = {name: statistics.median(run["steps"][name] for run in results["convert"]) for name in _STEPS}
    total = medians["convert"]["seconds"]
    shares = [f"{name} {seconds / total:.0%}" for name, seconds in steps.items()]
    others = [tool for tool in medians if tool != "convert"]
    reached = all(
        medians["convert"][name] <= LIMIT * medians[tool][name] for tool in others for name in ("seconds", "peak_mb")
    )
    lines += ["", f"Of `convert`: {', '.join(shares)}, the rest {1 - sum(steps.values()) / total:.0%}."]
    if others:
        lines[-1] += f" Aim at most {LIMIT:g} × each tool: {'reached' if reached else 'missed'}."
    return "\n".join(lines)


def make_parser():
    parser = benchmark_parser("conversion", __doc__)
    add_backbones(parser)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="(default: both)")
    parser.add_argument(
        "--tools", nargs="+", choices=TOOLS, default=list(TOOLS), help="convert is always there (default: all)"
    )
    parser.add_argument("--clips", type=int, default=4, metavar="N", help="representative clips (default: 4)")
    add_num_segments(parser)
    add_input_size(parser, 112)
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="runs of each (default: 1)")
    parser.add_argument("--output", metavar="FILE", help="write all runs as JSON there, and the tables beside it")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if min(arguments.clips, arguments.rounds) < 1:
        raise SystemExit(
            f"--clips and --rounds must be at least 1. Received: --clips {arguments.clips}, --rounds {arguments.rounds}"
        )
    from benchmarks.machine import machine
    from keras_action.utils.files import write_json, write_whole

    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    size = arguments.num_segments, arguments.input_size
    tools = [tool for tool in TOOLS if tool in arguments.tools or tool == "convert"]
    texts, rows = [f"{machine()}; {arguments.clips} clips of {size[0]} × {size[1]} × {size[1]}"], []
    print(texts[0], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for backbone in arguments.backbones:
            for kind in arguments.kinds:
                path, results = str(Path(folder) / f"{backbone}_{kind}.keras"), {tool: [] for tool in tools}
                try:
                    alone(save_model, path, backbone, kind, *size)
                    for _ in range(arguments.rounds):
                        for tool, runs in results.items():
                            runs.append(alone(measure_file, tool, path, arguments.clips, *size))
                except RuntimeError as error:
                    raise SystemExit(str(error)) from None
                texts.append(table(f"{backbone}, {kind}", results))
                print(f"\n{texts[-1]}", flush=True)
                setting = {"backbone": backbone, "kind": kind}
                rows += [{**setting, "tool": tool, **run} for tool, runs in results.items() for run in runs]
                if arguments.output:  # after each model, so that an interruption loses one
                    write_json(arguments.output, {"machine": texts[0], "results": rows})
                    write_whole(Path(arguments.output).with_suffix(".md"), "\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()

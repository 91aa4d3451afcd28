"""Time LiteRT files of ACTION-Net, TSM and TSN against each other on this machine, per backbone and format.

examples:
  python -m benchmarks.litert
  python -m benchmarks.litert --backbones mobilenet_v2 --formats int8 --threads 1 --rounds 100 --output litert.json
  python -m benchmarks.litert --backbones mobilenet_v2 --forms plain normalisation slices narrow mean deployment

All files of a backbone, a format and a number of threads are timed in turn, one run of each per round, so that other
work on the machine affects all of them. A ratio is the median of the rounds' ratios to TSN; the range beside it is
their 10th to 90th percentile. With one thread the processor time is compared too, which other work hardly changes.

The weights are random. Each batch normalisation has the statistics of its own input on random pixels, so that the
activations of all layers are of order one, as in a trained model, and int8 has ranges to measure. The times do not
depend on the weights. MobileNetV2 and the ResNets are in the paper's variant, torchvision's.

`--forms` undoes the steps of `keras_action.litert.deployment`, one or all of them (benchmarks/litert_forms.py):
  deployment     the model that `keras_action.litert.convert` converts
  plain          the Keras model itself
  normalisation  the Keras model, with the normalisation of the frames in the first convolution
  slices         deployment, but ME's border sliced row by row
  narrow         deployment, but the shift pixel by pixel
  mean           deployment, but STE's mean by the operator MEAN
"""

import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path

from benchmarks.arguments import (
    add_backbones,
    add_files,
    add_input_size,
    add_methods,
    add_num_segments,
    benchmark_parser,
    check_rounds_and_threads,
)
from benchmarks.machine import machine
from benchmarks.training_step import note

FORMATS = ("float32", "float16", "dynamic", "int8", "int16x8")
DEFAULT = ("TSN", "TSM", "ACTION")
FORM_NAMES = ("deployment", "plain", "normalisation", "slices", "narrow", "mean")

# What ACTION-Net may take, as a ratio to TSN.
AIMS = {("mobilenet_v2", "float32"): 1.04, ("mobilenet_v2", "int8"): 1.08, ("resnet50", "float32"): 1.02}


@dataclasses.dataclass(frozen=True)
class Timing:
    """The times of one file over the rounds, beside those of the first file in the same rounds.

    Attributes:
        name: The method, and its form where it is not what `convert` makes.
        wall: Seconds on the clock, by round.
        cpu: Seconds of the processor, of all threads.
        baseline_wall: As `wall`, of the first file.
        baseline_cpu: As `cpu`, of the first file.
        size_bytes: The size of the file.
    """

    name: str
    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    baseline_wall: tuple[float, ...]
    baseline_cpu: tuple[float, ...]
    size_bytes: int

    def milliseconds(self, percent=50):
        return 1000 * _percentile(self.wall, percent)

    def ratio(self, percent=50):
        """That percentile of the rounds' ratios of wall time."""
        return _percentile([own / other for own, other in zip(self.wall, self.baseline_wall, strict=True)], percent)

    def cpu_ratio(self):
        """The median of the rounds' ratios of processor time."""
        return _percentile([own / other for own, other in zip(self.cpu, self.baseline_cpu, strict=True)], 50)


def _percentile(values, percent):
    import numpy as np

    return float(np.percentile(values, percent))


def time_in_turn(runs, sizes, rounds, warmup=2):
    """Times functions in turn.

    Args:
        runs: Dict from a name to a function without arguments; the first is what the others are compared with.
        sizes: Dict from the names to the sizes of the files in bytes.
        rounds: Integer, how often each is timed.
        warmup: Integer, how often each is called before that.

    Returns:
        Dict from each name to its `Timing`.
    """
    for run in runs.values():
        for _ in range(warmup):
            run()
    wall, cpu = {name: [] for name in runs}, {name: [] for name in runs}
    for i in range(rounds):
        for name, run in runs.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            run()
            cpu[name].append(time.process_time() - cpu_start)
            wall[name].append(time.perf_counter() - start)
        note(f"round {i + 1} of {rounds}")
    first = next(iter(runs))
    base = tuple(wall[first]), tuple(cpu[first])
    return {name: Timing(name, tuple(wall[name]), tuple(cpu[name]), *base, sizes[name]) for name in runs}


def build_model(backbone, method, num_segments=8, input_size=224, num_classes=83):
    """A model of random weights whose batch normalisations have the statistics of random pixels.

    Args:
        backbone: Name of the backbone, in the paper's variant where it has it.
        method: One of `training.methods.METHODS`.
    """
    import keras
    import numpy as np

    from training.methods import build_method

    keras.utils.set_random_seed(0)
    size = {"num_classes": num_classes, "num_segments": num_segments, "input_size": input_size}
    model = build_method(backbone, method, **size)
    take_statistics(model, np.stack(_clips(model, 2)))
    return model


def take_statistics(model, clips):
    """Gives each batch normalisation the statistics of its own input on clips `(B, T, H, W, 3)`.

    Without them the values of a deep model of random weights grow from block to block, until no int8 holds them.
    """
    import keras

    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0  # the statistics of one batch replace those before
    model(clips, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def convert_files(backbone, methods, forms, formats, folder, **size):
    """Converts the models of a backbone; files that are in the folder already are left.

    Returns:
        Dict from the format to a dict from a name to the path of its file.
    """
    from benchmarks.litert_forms import FORMS
    from keras_action.litert import convert

    files = {name: {} for name in formats}
    for method in methods:
        model = None
        for form in forms:
            for name in formats:
                path = (
                    Path(folder)
                    / f"{backbone}_{method}_{form}_{name}_{size['num_segments']}x{size['input_size']}.tflite"
                )
                label = method if form == "deployment" else f"{method}, {form}"
                files[name][label] = path
                if path.exists():
                    continue
                note(f"{backbone}: {label}, {name}")
                model = model or build_model(backbone, method, **size)
                clips = _clips(model, 2) if name in ("int8", "int16x8") else None
                # The steps between are no files for users: they may fall into several parts.
                convert(FORMS[form](model), path, name, clips, max_partitions=None)
    return files


def make_run(path, num_threads):
    """A function that runs a file on a clip of random pixels, already in its place."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    from keras_action.litert.silence import silenced_output

    with silenced_output():
        interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
        interpreter.allocate_tensors()
    (clip,) = interpreter.get_input_details()
    pixels = np.random.default_rng(1).integers(0, 256, clip["shape"])
    interpreter.set_tensor(clip["index"], pixels.astype(clip["dtype"]))
    return interpreter.invoke


def table(title, timings, num_threads, aim=None):
    """A Markdown table of the timings; `aim` is the ratio that ACTION may have."""
    lines = [
        f"| {title} | ms | 10 to 90 % | of TSN's | 10 to 90 % | CPU time of TSN's | MB |",
        "| --- | ---: | --- | ---: | --- | ---: | ---: |",
    ]
    for name, timing in timings.items():
        cells = [
            name,
            f"{timing.milliseconds():.1f}",
            f"{timing.milliseconds(10):.1f} to {timing.milliseconds(90):.1f}",
            f"{timing.ratio():.3f}",
            f"{timing.ratio(10):.3f} to {timing.ratio(90):.3f}",
            f"{timing.cpu_ratio():.3f}" if num_threads == 1 else "",
            f"{timing.size_bytes / 1e6:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if aim and "ACTION" in timings:
        ratio = timings["ACTION"].ratio()
        lines += ["", f"ACTION {ratio:.3f}, aim at most {aim:.2f}: {'reached' if ratio <= aim else 'missed'}."]
    return "\n".join(lines)


def _clips(model, count):
    import numpy as np

    shape = model.input_shape[1:]
    return list(np.random.default_rng(0).integers(0, 256, (count, *shape)).astype("float32"))


def make_parser():
    parser = benchmark_parser("litert", __doc__)
    add_backbones(parser)
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=["float32", "int8"], metavar="FORMAT",
        help=f"of {', '.join(FORMATS)} (default: float32 int8)",
    )  # fmt: skip
    add_methods(parser, DEFAULT, always="; TSN is always there")
    parser.add_argument(
        "--forms", nargs="+", choices=FORM_NAMES, default=["deployment"], metavar="FORM",
        help="of those above; deployment is always there (default: deployment)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="numbers of threads (default: 1 2)"
    )
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="timed runs of each (default: 30)")
    add_num_segments(parser)
    add_input_size(parser)
    add_files(parser)
    parser.add_argument("--output", metavar="FILE", help="write all times as JSON there, and the tables beside it")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    check_rounds_and_threads(parser, arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action.utils.files import write_whole

    size = {"num_segments": arguments.num_segments, "input_size": arguments.input_size}
    methods = ["TSN", *(method for method in arguments.methods if method != "TSN")]
    forms = ["deployment", *(form for form in arguments.forms if form != "deployment")]
    texts, results = [f"{machine()}; clips {size}; {arguments.rounds} rounds"], []
    print(texts[0], flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.files or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for backbone in arguments.backbones:
            try:
                files = convert_files(backbone, methods, forms, arguments.formats, folder, **size)
            except (ValueError, ImportError) as error:
                raise SystemExit(str(error)) from None
            for name, paths in files.items():
                for threads in arguments.threads:
                    runs = {label: make_run(path, threads) for label, path in paths.items()}
                    sizes = {label: path.stat().st_size for label, path in paths.items()}
                    timings = time_in_turn(runs, sizes, arguments.rounds)
                    note("")
                    title = f"{backbone}, {name}, {threads} thread{'s' if threads > 1 else ''}"
                    is_aim = arguments.num_segments == 8 and arguments.input_size == 224
                    texts.append(table(title, timings, threads, AIMS.get((backbone, name)) if is_aim else None))
                    print(f"\n{texts[-1]}", flush=True)
                    setting = {"backbone": backbone, "format": name, "threads": threads}
                    results += [{**setting, **dataclasses.asdict(timing)} for timing in timings.values()]
    if arguments.output:
        path = Path(arguments.output)
        write_whole(path, json.dumps({"machine": texts[0], "results": results}, indent=1))
        write_whole(path.with_suffix(".md"), "\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()

"""Time our models against ACTION-Net in plain PyTorch, the module written as in the paper, on this machine.

examples:
  python -m benchmarks.original
  python -m benchmarks.original --backbones mobilenet_v2 --variants compile float32 int8 --rounds 50
  python -m benchmarks.original --threads 1 --cpu-time   (on a busy machine)

variants, all with the same random weights, one clip a call:
  eager       the PyTorch model (benchmarks/torch_original.py), which the others are compared with
  compile     the same through torch.compile, which needs a C++ compiler
  tensorflow  our Keras model on TensorFlow, `predict_on_batch`
  jax         the same on JAX
  float32     our LiteRT file, `keras_action.litert.LiteRTModel`
  int8        the same, quantized with two random clips

Each variant has a process of its own. TensorFlow's and JAX' may use as many cores as threads; where the system does not
limit cores, as macOS, they use all. All are timed in turn, one call of each a round, by their own clock. A speed-up is
the median of the rounds' ratios of the PyTorch model's time to that of the variant; the range beside it is their 10th
to 90th percentile. The last column is the largest difference from the PyTorch model's logits, in percent of their
range, on the random clip that is timed: all compute the same. PyTorch gets its clip normalised already.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import io
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.arguments import (
    add_cpu_time,
    add_files,
    add_input_size,
    add_num_segments,
    benchmark_parser,
    check_rounds_and_threads,
)
from benchmarks.machine import machine
from benchmarks.processes import alone, in_one_line
from benchmarks.training_step import note, time_in_turn

BACKBONES = ("mobilenet_v2", "resnet50", "bn_inception")
VARIANTS = {
    "eager": "PyTorch, eager",
    "compile": "PyTorch, torch.compile",
    "tensorflow": "Keras, TensorFlow",
    "jax": "Keras, JAX",
    "float32": "LiteRT, float32",
    "int8": "LiteRT, int8",
}
# How many times as fast as the eager model they should be.
AIMS = {
    ("mobilenet_v2", "float32"): 3,
    ("mobilenet_v2", "int8"): 7,
    ("resnet50", "float32"): 2,
    ("resnet50", "int8"): 2,
}
_CLASSES = 83


def clips(num_segments, input_size, count=1):
    """Clips `(B, T, H, W, 3)` of random squares; the first clip is the one that is timed."""
    import numpy as np

    # Not of random pixels: their mean is the same everywhere, and so would the logits be.
    coarse = np.random.default_rng(0).integers(0, 256, (count, num_segments, 8, 8, 3))
    side = -(-input_size // 8)
    return coarse.repeat(side, 2).repeat(side, 3)[:, :, :input_size, :input_size].astype("float32")


def write_weights(path, backbone, num_segments, input_size):
    """Writes the state dict of a PyTorch model as an `.npz` file. Its process imports PyTorch."""
    import numpy as np

    from benchmarks.torch_original import random_model
    from keras_action.utils.files import write_whole

    model, content = random_model(backbone, _CLASSES, num_segments, clips(num_segments, input_size, 2)), io.BytesIO()
    np.savez(content, **{name: value.numpy() for name, value in model.state_dict().items()})
    write_whole(path, content.getvalue())


def write_file(path, weights, quantization, num_segments, input_size):
    """Converts the Keras model of these weights to a LiteRT file. Its process imports TensorFlow."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras_action

    model = keras_action.load_torch_checkpoint(weights, num_segments, input_size)
    samples = list(clips(num_segments, input_size, 2)) if quantization == "int8" else None
    keras_action.litert.convert(model, path, quantization, representative_clips=samples)


@functools.cache
def load_variant(variant, backbone, prefix, threads, num_segments, input_size):
    """The function that computes the logits of the clip by a variant; made once in each process."""
    clip = clips(num_segments, input_size)
    if variant in ("eager", "compile"):
        return _load_torch(variant, backbone, prefix, threads, num_segments, clip)
    if variant in ("tensorflow", "jax"):
        os.environ["KERAS_BACKEND"] = variant
        if hasattr(os, "sched_setaffinity"):  # both start as many threads as they may use cores
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
        import keras

        import keras_action

        model = keras_action.load_torch_checkpoint(f"{prefix}.npz", num_segments, input_size)
        clip = keras.ops.convert_to_tensor(clip)
        return lambda: model.predict_on_batch(clip)
    from keras_action.litert import LiteRTModel

    model = LiteRTModel(f"{prefix}_{variant}.tflite", threads)
    clip = clip.astype(model.dtype)
    return lambda: model(clip)


def _load_torch(variant, backbone, prefix, threads, num_segments, clip):
    import numpy as np
    import torch

    from benchmarks.torch_original import ActionNet, normalised

    torch.set_num_threads(threads)
    model = ActionNet(backbone, _CLASSES, num_segments).eval()
    with np.load(f"{prefix}.npz") as archive:
        model.load_state_dict({name: torch.from_numpy(archive[name]) for name in archive.files})
    if variant == "compile":
        model = torch.compile(model)
    clip = normalised(clip, backbone)
    return torch.inference_mode()(lambda: model(clip).numpy())


def logits(setting):
    """The logits of a variant; its first two calls trace or compile."""
    run = load_variant(*setting)
    run()
    return run()


def seconds(setting, clock):
    """The time of one call by a function of `time`."""
    run, clock = load_variant(*setting), getattr(time, clock)
    start = clock()
    run()
    return clock() - start


def _process():
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def make_files(folder, backbone, variants, num_segments, input_size):
    """Writes the weights and the LiteRT files; those that are there are not made again.

    Returns:
        The beginning of their paths, and a dict from the variants whose file could not be made to the reason.
    """
    prefix, failures = str(Path(folder) / f"{backbone}_{num_segments}x{input_size}"), {}
    size = (num_segments, input_size)
    if not Path(f"{prefix}.npz").exists():
        note(f"{backbone}: weights")
        alone(write_weights, f"{prefix}.npz", backbone, *size)
    for variant in (name for name in ("float32", "int8") if name in variants):
        path = f"{prefix}_{variant}.tflite"
        if not Path(path).exists():
            note(f"{backbone}: converting to LiteRT, {variant}")
            try:
                alone(write_file, path, f"{prefix}.npz", variant, *size)
            except RuntimeError as error:
                failures[variant] = str(error)
    return prefix, failures


def measure(backbone, prefix, variants, failures, threads, rounds, size, clock):
    """Times the variants in turn.

    Returns:
        Dict from each variant that runs to its `Timing`, and one to the difference of its logits; the others are added
        to `failures`.
    """
    import numpy as np

    errors, total = {}, [0.0]
    with contextlib.ExitStack() as stack:
        calls, expected = {}, None
        for variant in variants:
            if variant in failures:
                continue
            note(f"{backbone}, threads {threads}: starting {VARIANTS[variant]}")
            process, setting = stack.enter_context(_process()), (variant, backbone, prefix, threads, *size)
            try:
                values = process.submit(in_one_line, logits, setting).result()
            except RuntimeError as error:  # of a process that was killed, too
                if variant == "eager":
                    raise
                failures[variant] = str(error)
                continue
            expected = values if expected is None else expected
            errors[variant] = float(np.abs(values - expected).max() / np.ptp(expected))

            def call(process=process, setting=setting):
                total[0] += process.submit(seconds, setting, clock).result()

            calls[variant] = call
        timings = time_in_turn(calls, rounds, clock=lambda: total[0])
    note("")
    return timings, errors


def table(title, timings, errors, failures):
    """A Markdown table of the timings, with a sentence for each variant that does not run."""
    lines = [
        f"| {title} | ms | speed-up | 10 to 90 % | logits differ by, % |",
        "| --- | ---: | ---: | --- | ---: |",
    ]
    for name, timing in timings.items():
        spread = f"{1 / timing.ratio(90):.2f} to {1 / timing.ratio(10):.2f}"
        cells = [VARIANTS[name], f"{timing.milliseconds:.1f}", f"{1 / timing.ratio():.2f}", spread]
        lines.append(f"| {' | '.join(cells)} | {100 * errors[name]:.2g} |")
    lines += [f"| {VARIANTS[name]} | not measured: {text} | | | |" for name, text in failures.items()]
    return "\n".join(lines)


def aims(backbone, timings):
    """For each variant with an aim a sentence."""
    speed_ups = {name: 1 / timing.ratio() for name, timing in timings.items() if (backbone, name) in AIMS}
    return [
        f"{VARIANTS[name]}: {value:.2f} times as fast, aim at least {AIMS[backbone, name]}: "
        f"{'reached' if value >= AIMS[backbone, name] else 'missed'}."
        for name, value in speed_ups.items()
    ]


def versions():
    """The versions of the frameworks that are installed, in one line."""
    names = [name for name in ("torch", "keras", "tensorflow", "jax") if importlib.util.find_spec(name)]
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def make_parser():
    parser = benchmark_parser("original", __doc__)
    parser.add_argument(
        "--backbones", nargs="+", choices=BACKBONES, default=list(BACKBONES), metavar="NAME",
        help=f"of {', '.join(BACKBONES)} (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME",
        help="of those above; eager is always there (default: all)",
    )  # fmt: skip
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="(default: 1 2)")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="timed calls of each (default: 20)")
    add_num_segments(parser)
    add_input_size(parser)
    add_cpu_time(parser)
    add_files(parser)
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    check_rounds_and_threads(parser, arguments)
    if not importlib.util.find_spec("torch"):
        raise SystemExit(
            "The original is a PyTorch model, and PyTorch is not installed: "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for the processes
    variants = ["eager", *(name for name in arguments.variants if name != "eager")]
    size = (arguments.num_segments, arguments.input_size)
    clock, of = ("process_time", "processor time") if arguments.cpu_time else ("perf_counter", "time")
    print(
        f"{machine()}, {versions()}; one clip of {size[0]} x {size[1]} x {size[1]}; {arguments.rounds} rounds; {of}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.files or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for backbone in arguments.backbones:
            prefix, failures = make_files(folder, backbone, variants, *size)
            for threads in arguments.threads:
                failed = dict(failures)
                setting = (threads, arguments.rounds, size, clock)
                timings, errors = measure(backbone, prefix, variants, failed, *setting)
                title = f"{backbone}, {threads} thread{'s' if threads > 1 else ''}"
                print(f"\n{table(title, timings, errors, failed)}", flush=True)
                if size == (8, 224):
                    print("\n".join(["", *aims(backbone, timings)]), flush=True)


if __name__ == "__main__":
    main()

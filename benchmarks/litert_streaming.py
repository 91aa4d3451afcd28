"""Time one step of streaming LiteRT files against the plain 2D network on one frame, on this machine.

examples:
  python -m benchmarks.litert_streaming
  python -m benchmarks.litert_streaming --models ACTION --formats int8 --threads 1 --rounds 500
  python -m benchmarks.litert_streaming --backbone resnet50 --input-size 160 --threads 1
  python -m benchmarks.litert_streaming --threads 1 --cpu-time
  python -m benchmarks.litert_streaming --models TSM STE CE ME ACTION --formats int8 --output stream.json

All files are timed in turn, one frame of each per round, so that other work on the machine affects all of them. A step
is the run of the file and the copying of its states from its outputs to its inputs. A ratio is the median of the
rounds' ratios to the plain network in the same format; the range beside it is their 10th to 90th percentile. The
weights are random, and int8 files are calibrated on random frames: the times do not depend on them.
"""

import os
import tempfile
import time
from pathlib import Path

from benchmarks.arguments import add_cpu_time, add_files, add_input_size, benchmark_parser
from benchmarks.litert import take_statistics
from benchmarks.machine import machine
from benchmarks.training_step import note, time_in_turn
from training.methods import METHODS

PLAIN = "plain"
MODELS = {
    **{name: fields for name, fields in METHODS.items() if name != "TSN"},
    "ACTION, fixed shift": {"model": "action_net", "shift": "fixed"},
}
DEFAULT = ("ACTION", "ACTION, fixed shift", "TSM")
FORMATS = ("float32", "int8")


def make_files(folder, backbone, models, formats, input_size=224, num_classes=27, frames=8):
    """Converts the streaming models, and the plain network, in each format; files that are there already are left.

    Args:
        folder: Where the files go.
        backbone: Name of the backbone.
        models: Names of `MODELS`.
        formats: Names of `FORMATS`.
        input_size: Integer, pixels a side.
        num_classes: Integer.
        frames: Integer, how many frames int8 files are calibrated on.

    Returns:
        Dict from (model, format) to the path of its file; the plain network's name is `PLAIN`.
    """
    import keras
    import numpy as np

    import keras_action

    # Large dots: the mean of fine noise is the same everywhere.
    coarse = np.random.default_rng(0).integers(0, 256, (1, frames, 8, 8, 3), "uint8")
    side = -(-input_size // 8)
    clips = coarse.repeat(side, axis=2).repeat(side, axis=3)[:, :, :input_size, :input_size]
    files = {}
    for name, fields in {PLAIN: METHODS["TSN"], **{name: MODELS[name] for name in models}}.items():
        for form in formats:
            words = f"{backbone} {name} {form} {input_size}".lower().replace(",", "").split()
            files[name, form] = Path(folder) / f"{'_'.join(words)}.tflite"
        missing = [form for form in formats if not files[name, form].exists()]
        if not missing:
            continue
        keras.utils.set_random_seed(0)
        options = dict(fields)
        builder = getattr(keras_action, f"build_{options.pop('model')}")
        model = builder(backbone, num_classes, input_size=input_size, causal=True, **options)
        take_statistics(model, clips)
        stream = keras_action.streaming_model(model)
        for form in missing:
            note(f"converting {name}, {form}")
            keras_action.litert.convert(
                stream, files[name, form], form, representative_clips=clips if form == "int8" else None
            )
    return files


def make_calls(files, form, num_threads):
    """For each file of a format a function that takes one frame, and its `LiteRTStream`."""
    import numpy as np

    from keras_action.litert import LiteRTStream

    calls, streams = {}, {}
    for (name, other), path in files.items():
        if other == form:
            stream = streams[name] = LiteRTStream(path, num_threads)
            frame = np.random.default_rng(0).integers(0, 256, stream.frame_shape).astype(stream.dtype)
            calls[name] = lambda stream=stream, frame=frame: stream(frame)
    return calls, streams


def table(title, timings, files, form, streams):
    """A Markdown table of the timings."""
    from keras_action.litert import inspect_file

    lines = [
        f"| {title} | ms | of plain | 10 to 90 % | states, bytes | file, MB | operators |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for name, timing in timings.items():
        summary = inspect_file(files[name, form])
        spread = f"{timing.ratio(10):.2f} to {timing.ratio(90):.2f}"
        operators = sum(summary.operators.values())
        lines.append(
            f"| {name} | {timing.milliseconds:.2f} | {timing.ratio():.3f} | {spread} | {streams[name].state_bytes:,} "
            f"| {summary.size_bytes / 1e6:.2f} | {operators} |"
        )
    return "\n".join(lines)


def make_parser():
    parser = benchmark_parser("litert_streaming", __doc__)
    parser.add_argument("--backbone", default="mobilenet_v2", metavar="NAME", help="(default: mobilenet_v2)")
    parser.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(DEFAULT), metavar="NAME",
        help=f"of {'; '.join(MODELS)} (default: {'; '.join(DEFAULT)})",
    )  # fmt: skip
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS), help="(default: both)")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], metavar="N", help="(default: 1 2)")
    parser.add_argument("--rounds", type=int, default=200, metavar="N", help="timed frames of each (default: 200)")
    add_input_size(parser)
    add_cpu_time(parser)
    add_files(parser)
    parser.add_argument("--output", metavar="FILE", help="write all times as JSON there")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if arguments.rounds < 1 or min(arguments.threads) < 1:
        raise SystemExit(
            "--rounds and --threads must be at least 1. "
            f"Received: --rounds {arguments.rounds}, --threads {arguments.threads}"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action.utils.files import write_json

    clock, results = time.process_time if arguments.cpu_time else time.perf_counter, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments.files or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            files = make_files(
                folder, arguments.backbone, arguments.models, arguments.formats, input_size=arguments.input_size
            )
        except ValueError as error:
            raise SystemExit(str(error)) from None
        of = "processor time" if arguments.cpu_time else "time"
        print(f"{machine()}; frames of {arguments.input_size} pixels; {arguments.rounds} rounds; {of}")
        for form in arguments.formats:
            for num_threads in arguments.threads:
                calls, streams = make_calls(files, form, num_threads)
                timings = time_in_turn(calls, arguments.rounds, warmup=10, clock=clock)
                setting = {"backbone": arguments.backbone, "format": form, "threads": num_threads}
                results += [{**setting, "name": name, "wall": timing.seconds} for name, timing in timings.items()]
                note("")
                threads = f"{num_threads} thread{'s' if num_threads > 1 else ''}"
                print(
                    f"\n{table(f'{arguments.backbone}, {form}, {threads}', timings, files, form, streams)}",
                    flush=True,
                )
    if arguments.output:
        write_json(arguments.output, {"machine": machine(), "of": of, "results": results})


if __name__ == "__main__":
    main()

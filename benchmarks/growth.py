"""Time how the cost of int8 LiteRT files grows: with frames, pixels, streams and hours. One page of curves.

examples:
  python -m benchmarks.growth --output growth
  python -m benchmarks.growth --output growth --parts streams --streams 1 4 16 --seconds 10
  python -m benchmarks.growth --output growth --backbone resnet50 --minutes 10

  frames   a clip of T = 8, 16, 32 frames of 224 pixels
  size     a clip of 8 frames, and a step of a stream, of 112, 224, 320 pixels
  streams  1 to 16 streams of 224 pixels at once: in turn on one thread, with a thread each, with a process each
  hour     a recogniser over an hour of frames, 12 a second, given as fast as it takes them: for each minute its time a
           frame and the memory of its process

Each measurement is a process of its own, and each file or stream computes with one thread. Times are medians, with the
90th percentile in the table; of streams at once means, as most steps run undisturbed and a few wait for long. Memory
is the resident set, of processes summed. The weights are random.

The folder of `--output` gets the converted files, BACKBONE.csv after each measurement, and at the end BACKBONE.md and
BACKBONE.png. After an interruption the same command resumes: points that are in the CSV are not measured again.
"""

import csv
import dataclasses
import itertools
import multiprocessing
import os
import statistics
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from benchmarks.arguments import benchmark_parser
from benchmarks.processes import alone
from benchmarks.training_step import note

PARTS = ("frames", "size", "streams", "hour")
IN_TURN, THREADS, PROCESSES = "in turn", "a thread each", "a process each"
MODES = (IN_TURN, THREADS, PROCESSES)
FRAMES_PER_SECOND = 12
_UNITS = {"frames": "frames", "size": "pixels", "streams": "streams", "hour": "minute"}
_TIMEOUT = 300
_STYLES = ("-", "--", ":")  # of curves that may cover each other


@dataclasses.dataclass(frozen=True)
class Point:
    """One measurement.

    Args:
        part: One of `PARTS`.
        series: Name of its curve.
        x: Frames, pixels a side, streams or minutes.
        milliseconds: Time of a clip, a frame, or a step of each stream: the median; of several streams the mean.
        milliseconds_90: Its 90th percentile.
        per_second: Clips, steps or frames a second, of all streams.
        memory_mb: Resident memory, of all processes.
    """

    part: str
    series: str
    x: int
    milliseconds: float
    milliseconds_90: float
    per_second: float
    memory_mb: float

    @classmethod
    def of(cls, part, series, x, times, seconds, memory_mb):
        """The point of the times of calls, in seconds, that were made in `seconds`."""
        high = statistics.quantiles(times, n=10)[-1] if len(times) > 1 else times[0]
        middle = statistics.fmean if part == "streams" else statistics.median
        values = 1000 * middle(times), 1000 * high, len(times) / seconds, memory_mb
        return cls(part, series, x, *(round(value, 3) for value in values))


class Points:
    """The points of a CSV file, which is written after each."""

    def __init__(self, path):
        self._path, self.all = Path(path), []
        if self._path.exists():
            with self._path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    types = {field.name: field.type for field in dataclasses.fields(Point)}
                    self.all.append(Point(**{name: types[name](value) for name, value in row.items()}))

    def has(self, part, series, x):
        return any((point.part, point.series, point.x) == (part, series, x) for point in self.all)

    def add(self, point):
        from keras_action.utils.files import write_csv

        place = point.part, point.series, point.x
        self.all = [other for other in self.all if (other.part, other.series, other.x) != place] + [point]
        names = [field.name for field in dataclasses.fields(Point)]
        write_csv(self._path, names, map(dataclasses.astuple, self.all))


def convert(path, backbone, kind, num_segments, input_size):
    """Converts ACTION-Net of random weights to int8, a model of clips or a streaming one."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import keras_action
    from benchmarks.conversion import random_clips
    from benchmarks.litert import take_statistics

    keras.utils.set_random_seed(0)
    model = keras_action.build_action_net(
        backbone, num_classes=27, num_segments=num_segments, input_size=input_size, causal=kind == "stream"
    )
    clips = random_clips(2, num_segments, input_size)
    take_statistics(model, clips[:1])
    model = keras_action.streaming_model(model) if kind == "stream" else model
    labels, seconds = [f"class {i}" for i in range(27)], num_segments / FRAMES_PER_SECOND
    keras_action.litert.convert(model, path, "int8", representative_clips=clips, labels=labels, clip_seconds=seconds)


def time_file(path, seconds):
    """Calls a file for some seconds: the times of its calls, the seconds that passed, and the memory in MB."""
    return _drive(_open(path), seconds)


def time_streams(path, count, mode, seconds):
    """As `time_file`, for several streams at once in one process."""
    streams = [_open(path) for _ in range(count)]
    if mode == IN_TURN:  # a stream waits for all others before its next step
        times, passed, memory = _drive(lambda: [step() for step in streams], seconds)
        return times * count, passed, memory
    barrier = threading.Barrier(count)

    def run(stream):
        barrier.wait(_TIMEOUT)
        return _drive(stream, seconds)

    with ThreadPoolExecutor(count) as executor:
        times, passed, _ = _together(executor.map(run, streams))
    return times, passed, _memory_mb()


def time_processes(path, count, seconds):
    """As `time_file`, for several streams with a process each."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _set_barrier, (context.Barrier(count),)) as executor:
        # No process takes a second task, as each waits in its first one for all others.
        return _together(executor.map(_time_at_once, [path] * count, [seconds] * count))


def _together(results):
    """One result of several that were measured at once: their memory is summed."""
    times, seconds, memory = zip(*results, strict=True)
    return list(itertools.chain(*times)), max(seconds), sum(memory)


def _set_barrier(barrier):
    global _barrier
    _barrier = barrier


def _time_at_once(path, seconds):
    stream = _open(path)
    _barrier.wait(_TIMEOUT)
    return _drive(stream, seconds)


def _open(path):
    """A function that runs a file once, on random pixels; it was called a few times."""
    import numpy as np

    from keras_action.litert import LiteRTFile, LiteRTModel, LiteRTStream

    file = LiteRTFile.read(path)
    model = LiteRTStream(file) if file.is_streaming else LiteRTModel(file)
    shape = model.frame_shape if file.is_streaming else (1, *model.input_shape[1:])
    pixels = np.random.default_rng(0).integers(0, 256, shape, "uint8")
    for _ in range(3):
        model(pixels)
    return lambda: model(pixels)


def _drive(call, seconds):
    times, start = [], time.perf_counter()
    now = start
    while now < start + seconds:
        before = now
        call()
        now = time.perf_counter()
        times.append(now - before)
    return times, now - start, _memory_mb()


def recognize_minutes(path, minutes):
    """Gives a recogniser frames of 320 × 240; the list, for each minute of them, of what `time_file` returns."""
    import numpy as np

    from keras_action import GestureRecognizer

    recognizer = GestureRecognizer(path)
    frames = np.random.default_rng(0).integers(0, 256, (24, 12, 16, 3), "uint8").repeat(20, axis=1).repeat(20, axis=2)
    numbers, results = itertools.count(), []
    for _ in range(minutes):
        times, start = [], time.perf_counter()
        for number in itertools.islice(numbers, 60 * FRAMES_PER_SECOND):
            before = time.perf_counter()
            recognizer.push(frames[number % len(frames)], number / FRAMES_PER_SECOND)
            times.append(time.perf_counter() - before)
        results.append((times, time.perf_counter() - start, _memory_mb()))
    return results


def _memory_mb():
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:  # not on Linux: the largest so far
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(points, folder, arguments):
    """Adds the points that are missing.

    Args:
        points: `Points`.
        folder: Where the files are, or are converted to.
        arguments: The parsed arguments of the program.
    """
    backbone, seconds = arguments.backbone, arguments.seconds

    def file(kind, num_segments, input_size):
        path = Path(folder) / f"{backbone}_{kind}_{num_segments}x{input_size}.tflite"
        if not path.exists():
            note(f"converting {path.stem}")
            alone(convert, str(path), backbone, kind, num_segments, input_size)
        return str(path)

    def add(part, series, x, function, kind, num_segments, input_size, *options):
        if part in arguments.parts and not points.has(part, series, x):
            path = file(kind, num_segments, input_size)
            note(f"{part}: {series}, {x}")
            points.add(Point.of(part, series, x, *function(path, *options)))

    def timed(*call):
        return alone(time_file, *call)

    def at_once(path, count, mode):
        if mode == PROCESSES:
            return time_processes(path, count, seconds)
        return alone(time_streams, path, count, mode, seconds)

    segments, side = arguments.num_segments[0], arguments.side
    for frames in arguments.num_segments:
        add("frames", "clip", frames, timed, "clip", frames, side, seconds)
    for size in arguments.input_sizes:
        add("size", "clip", size, timed, "clip", segments, size, seconds)
        add("size", "step of a stream", size, timed, "stream", segments, size, seconds)
    for count in arguments.streams:
        for mode in MODES:
            add("streams", mode, count, at_once, "stream", segments, side, count, mode)
    if "hour" in arguments.parts and not points.has("hour", "recogniser", arguments.minutes):
        path = file("stream", segments, side)
        note(f"hour: {arguments.minutes} minutes of frames")
        for minute, result in enumerate(alone(recognize_minutes, path, arguments.minutes), 1):
            points.add(Point.of("hour", "recogniser", minute, *result))


def table(points):
    """Markdown tables of the points, one for each part; of the hour, about ten of its minutes."""
    texts = []
    for part in PARTS:
        chosen = sorted((point for point in points if point.part == part), key=lambda p: (p.x, _order(p.series)))
        if part == "hour":
            step = max(1, len(chosen) // 10)
            chosen = [point for number, point in enumerate(chosen, 1) if number == 1 or number % step == 0]
        if not chosen:
            continue
        lines = [
            f"| {_UNITS[part]} | {part} | ms | 90th percentile | a second | memory, MB |",
            "| ---: | --- | ---: | ---: | ---: | ---: |",
        ]
        for point in chosen:
            times = f"{point.milliseconds:.2f} | {point.milliseconds_90:.2f} | {point.per_second:.1f}"
            lines.append(f"| {point.x} | {point.series} | {times} | {point.memory_mb:.0f} |")
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def growth_figure(points, title):
    """One page of curves of the points: a `matplotlib.figure.Figure`."""
    from keras_action.plots.figure import draw_grid, new_figure

    figure = new_figure(11, 6.6)
    figure.suptitle(title, fontsize=11)
    panels = (  # part, y, title, label of x, label of y
        ("frames", "milliseconds", "A longer clip", "frames of a clip", "milliseconds a clip"),
        ("size", "milliseconds", "Larger frames", "pixels a side", "milliseconds"),
        ("streams", "per_second", "Streams at once: throughput", "streams", "steps a second, in all"),
        ("streams", "milliseconds", "Streams at once: latency", "streams", "milliseconds a step of each stream"),
        ("streams", "memory_mb", "Streams at once: memory", "streams", "resident memory, MB"),
        ("hour", "milliseconds", "A recogniser over an hour", "minutes of frames", "milliseconds a frame"),
    )
    for axes, (part, name, heading, x_label, y_label) in zip(figure.subplots(2, 3).flat, panels, strict=True):
        curves = {}
        for point in sorted((point for point in points if point.part == part), key=lambda point: point.x):
            curves.setdefault(point.series, []).append((point.x, getattr(point, name), point.memory_mb))
        for number, (series, values) in enumerate(sorted(curves.items(), key=lambda item: _order(item[0]))):
            x, y, memory = zip(*values, strict=True)
            style = {
                "linestyle": "-" if part != "streams" else _STYLES[number],
                "marker": "." if part != "hour" else None,
            }
            axes.plot(x, y, color=f"C{number}", label=series, **style)
            if part in ("frames", "size"):
                power = 2 if part == "size" else 1
                label = ("∝ area" if part == "size" else "∝ frames") if number == len(curves) - 1 else None
                proportional = [y[0] * (value / x[0]) ** power for value in x]
                axes.plot(x, proportional, color="0.6", linestyle=":", linewidth=1.2, label=label, zorder=1)
            if part == "hour":
                right = axes.twinx()
                right.plot(x, memory, color="C1", label="memory")
                right.set_ylim(0, 1.4 * max(memory))
                right.set_ylabel("resident memory, MB", color="C1")
                right.spines["top"].set_visible(False)
                axes.set_ylim(0, 1.6 * max(y))
                axes.yaxis.label.set_color("C0")
        if part == "streams":
            axes.set_xscale("log", base=2)
        if part != "hour":
            axes.set_xticks(sorted({x for values in curves.values() for x, _, _ in values}), minor=False)
            axes.xaxis.set_major_formatter("{x:.0f}")
            axes.set_ylim(bottom=0)
            if curves:
                axes.legend(frameon=False, fontsize=8)
        axes.set_title(heading, fontsize=10)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        draw_grid(axes)
        if part == "hour" and curves:
            axes.spines["right"].set_visible(True)
    return figure


def _order(series):
    """The place of a curve in tables and legends."""
    return MODES.index(series) if series in MODES else -1


def make_parser():
    parser = benchmark_parser("growth", __doc__)
    parser.add_argument("--output", required=True, metavar="FOLDER", help="gets the files, the points and the curves")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="(default: all)")
    parser.add_argument("--backbone", default="mobilenet_v2", metavar="NAME", help="(default: mobilenet_v2)")
    parser.add_argument(
        "--num-segments", nargs="+", type=int, default=[8, 16, 32], metavar="T",
        help="frames of clips; the first is that of the other parts (default: 8 16 32)",
    )  # fmt: skip
    parser.add_argument(
        "--input-sizes", nargs="+", type=int, default=[112, 224, 320], metavar="SIZE",
        help="pixels a side (default: 112 224 320)",
    )  # fmt: skip
    parser.add_argument(
        "--side", type=int, default=224, metavar="SIZE", help="pixels a side of all other parts (default: 224)"
    )
    parser.add_argument(
        "--streams", nargs="+", type=int, default=[1, 2, 4, 8, 16], metavar="N", help="(default: 1 2 4 8 16)"
    )
    parser.add_argument("--seconds", type=float, default=4, help="length of a measurement (default: 4)")
    parser.add_argument("--minutes", type=int, default=60, metavar="N", help="length of the hour (default: 60)")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    numbers = {"--streams": min(arguments.streams), "--minutes": arguments.minutes, "--seconds": arguments.seconds}
    for name, value in numbers.items():
        if value <= 0:
            raise SystemExit(f"{name} must be positive. Received: {value:g}")
    from benchmarks.machine import machine
    from keras_action.plots.figure import save_figure
    from keras_action.utils.files import write_whole

    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    points, page = Points(folder / f"{arguments.backbone}.csv"), folder / f"{arguments.backbone}.md"
    title = f"ACTION-Net, {arguments.backbone}, int8: {machine()}"
    try:
        measure(points, folder, arguments)
    except (ValueError, ImportError, RuntimeError) as error:
        raise SystemExit(str(error)) from None
    finally:
        note("")
        if points.all:  # also those before an interruption
            text = f"{title}\n\n{table(points.all)}"
            print(text)
            write_whole(page, text + "\n")
            save_figure(growth_figure(points.all, title), page.with_suffix(".png"), dpi=100)


if __name__ == "__main__":
    main()

"""Draw the accuracy of each method over its time on a device: a clip at once, and a frame of a stream.

examples:
  keras-action experiments methods --train train.csv --val val.csv --recipe few_clips --start-from runs/pretrained \\
      --output runs/methods
  python -m benchmarks.litert --backbones mobilenet_v2 --methods TSM STE CE ME ACTION --formats int8 --threads 1 \\
      --num-segments 12 --input-size 72 --output clips.json
  python -m benchmarks.litert_streaming --models TSM STE CE ME ACTION --formats int8 --threads 1 --input-size 72 \\
      --output streams.json
  python -m benchmarks.accuracy_speed runs/methods/methods.json --clips clips.json --streams streams.json

Accuracies are those of Keras models that see whole clips. Times are medians, with the 10th and 90th percentile of the
rounds as bars. The vertical bars are the 95 % intervals of the accuracies.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.arguments import benchmark_parser

PLAIN = {"TSN": "plain"}  # the name of TSN among the streams


def read_accuracies(*paths):
    """Name of a method → its accuracy, and the ends of its interval; from files of `keras-action experiments`."""
    rows = [row for path in paths for row in _read(path)]
    accuracies = {row["name"]: (row["mean"], *row["interval"]) for row in rows}
    if len(accuracies) < len(rows):
        raise ValueError(f"Each method must be in one table. Received: {[row['name'] for row in rows]}")
    return accuracies


def read_times(path, form, threads):
    """Name of a method → milliseconds: the median, the 10th and the 90th percentile."""
    rows = [row for row in _read(path)["results"] if (row["format"], row["threads"]) == (form, threads)]
    if not rows or len({row["name"] for row in rows}) < len(rows):
        raise ValueError(
            f"There must be times of one backbone in format {form} with {threads} threads. Received: {path}"
        )
    return {row["name"]: tuple(1000 * np.percentile(row["wall"], (50, 10, 90))) for row in rows}


def _read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def collect(accuracies, times):
    """Points `(name, accuracy and its interval, milliseconds)` of the methods that have both."""
    points = [(name, accuracy, times.get(name) or times.get(PLAIN.get(name))) for name, accuracy in accuracies.items()]
    return [point for point in points if point[2] is not None]


def make_figure(panels):
    """A panel for each title: accuracy over milliseconds, a point for each method."""
    from keras_action.plots.figure import draw_grid, new_figure

    figure = new_figure(4.8 * len(panels), 3.8)
    row = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    names = list(dict.fromkeys(name for points in panels.values() for name, *_ in points))
    for axes, (title, points) in zip(row, panels.items(), strict=True):
        for name, (mean, low, high), (median, fast, slow) in points:
            bars = {"xerr": [[median - fast], [slow - median]], "yerr": [[mean - low], [high - mean]]}
            axes.errorbar(
                median, mean, **bars, marker="o", color=f"C{names.index(name)}", capsize=2, linewidth=1, label=name
            )
        axes.set_title(title, fontsize=11)
        axes.set_xlabel("milliseconds")
        axes.set_xlim(left=0)
        axes.legend(frameon=False, loc="lower left")
        draw_grid(axes)
    row[0].set_ylabel("top-1 accuracy")
    row[0].yaxis.set_major_formatter("{x:.0%}")
    return figure


def table(panels):
    """The points as a Markdown table."""
    times = {title: {name: median for name, _, (median, *_) in points} for title, points in panels.items()}
    accuracies = {name: accuracy for points in panels.values() for name, accuracy, _ in points}
    lines = [
        f"| | top-1, mean | 95 % | {' | '.join(f'{title}, ms' for title in panels)} |",
        f"| --- | ---: | --- |{' ---: |' * len(panels)}",
    ]
    for name, (mean, low, high) in accuracies.items():
        cells = [f"{own[name]:.2f}" if name in own else "" for own in times.values()]
        lines.append(f"| {name} | {mean:.1%} | {low:.1%} to {high:.1%} | {' | '.join(cells)} |")
    return "\n".join(lines)


def make_parser():
    parser = benchmark_parser("accuracy_speed", __doc__)
    parser.add_argument(
        "accuracies",
        nargs="+",
        metavar="FILE",
        help="tables of `keras-action experiments` as JSON, of different methods",
    )
    parser.add_argument("--clips", metavar="FILE", help="times of `benchmarks.litert`")
    parser.add_argument("--streams", metavar="FILE", help="times of `benchmarks.litert_streaming`")
    parser.add_argument("--format", default="int8", help="format of the LiteRT files (default: int8)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="default: 1")
    parser.add_argument("--output", default="accuracy_speed.png", metavar="FILE", help=".png, .svg or .pdf")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    files = {"a clip": arguments.clips, "a frame of a stream": arguments.streams}
    if not any(files.values()):
        parser.error("--clips, --streams or both are needed")
    try:
        from keras_action.plots import save_figure

        accuracies = read_accuracies(*arguments.accuracies)
        panels = {
            title: collect(accuracies, read_times(path, arguments.format, arguments.threads))
            for title, path in files.items()
            if path
        }
        print(table(panels))
        save_figure(make_figure(panels), arguments.output)
    except (ImportError, KeyError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"Written: {arguments.output}")


if __name__ == "__main__":
    main()

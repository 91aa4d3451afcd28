"""Measure how many clips of each class a start needs: accuracy on validation clips over clips a class.

examples:
  python -m benchmarks.few_clips --train train.csv --val val.csv --starts motion --output runs/few
  python -m benchmarks.few_clips --train train.csv --val val.csv --starts mobilenet_v2_imagenet.npz --output runs/few
  python -m benchmarks.few_clips --train train.csv --starts motion --counts 5 10 --set epochs=30 --output runs/choose

Each start is trained with the recipe `few_clips`, once for each number of clips a class and each seed, which also draws
the clips. A start is "motion", a file of ImageNet weights, or the folder of a run. Without --val the clips of --train
that were not drawn are evaluated, to choose settings by. The models of the last epoch are evaluated. OUTPUT gets the
runs, few_clips.md, few_clips.json and, with Matplotlib, few_clips.png; the table has all starts that are in OUTPUT. An
interrupted benchmark resumes with the same command.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from keras_action.programs.arguments import DATA_FORMS, add_set_argument

ALL = 0  # clips a class: all that there are


def draw_clips(annotations, count, seed):
    """`count` clips of each class, or all for `ALL`, and the other clips; two `Annotations`."""
    from keras_action.data.splits import select_clips

    label_ids, rng = annotations.label_ids(), np.random.default_rng(seed)
    drawn = np.full(len(annotations), count == ALL)
    if count != ALL:
        for label in np.unique(label_ids):
            drawn[rng.permutation(np.flatnonzero(label_ids == label))[:count]] = True
    return select_clips(annotations, drawn), select_clips(annotations, ~drawn)


def start_fields(start):
    """The fields of a recipe for a start."""
    if start == "motion":
        return ["weights=motion"]
    return [f"start_from={start}", "weights=none"] if Path(start).is_dir() else [f"weights={start}"]


def measure(start, count, seed, training, validation, folder, assignments):
    """Trains once, unless that is done; the accuracy and the results of the clips, as `evaluation.json` has them."""
    import keras

    import keras_action
    from keras_action.evaluation import Protocol
    from training.recipes import load_recipe

    path = folder / "evaluation.json"
    if not path.is_file():
        drawn, others = draw_clips(training, count, seed)
        recipe = load_recipe("few_clips", [*start_fields(start), *assignments, f"seed={seed}"], num_clips=len(drawn))
        keras_action.train(recipe, drawn, None, folder, tensorboard=False)
        report = keras_action.evaluate(
            keras_action.load_run(folder / "last.keras").load_model(),
            others if validation is None else validation,
            Protocol.as_trained(recipe),
            progress=False,
        )
        report.save_json(path)
        keras.backend.clear_session()
    return json.loads(path.read_text(encoding="utf-8"))


def summarize(runs):
    """The mean accuracy of several runs, and its 95 % interval by bootstrap over runs and, where equal, clips."""
    from keras_action.utils.statistics import bootstrap_intervals, resampled_weights

    rights = [{row["path"]: row["true"] == row["predicted"] for row in run["results"]} for run in runs]
    means = np.array([np.mean(list(right.values())) for right in rights])
    paths, rng = sorted(rights[0]), np.random.default_rng(0)
    if all(sorted(right) == paths for right in rights):
        table = np.array([[right[path] for path in paths] for right in rights], float)
    else:
        table = means[:, None]

    def mean(counts):
        accuracies = counts @ table.T / counts.sum(axis=1, keepdims=True)
        weights = resampled_weights(range(len(runs)), len(counts), rng)
        return (accuracies * weights).sum(axis=1, keepdims=True)

    [interval] = bootstrap_intervals(mean, np.arange(table.shape[1]))
    return float(means.mean()), *interval


def collect(folder):
    """Start → clips a class → the results of its runs, of all that are in a folder."""
    found = {}
    for path in sorted(folder.glob("*/*/*/evaluation.json")):
        start, count, _ = path.relative_to(folder).parts[:3]
        found.setdefault(start, {}).setdefault(int(count), []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


def make_table(results):
    """The results of `collect` as a Markdown table."""
    lines = ["| start | clips a class | top-1, mean | 95 % | of each run |", "| --- | ---: | ---: | --- | --- |"]
    for start, counts in results.items():
        for count in sorted(counts, key=lambda count: count or np.inf):
            mean, low, high = summarize(counts[count])
            each = ", ".join(f"{run['top1']:.1%}" for run in counts[count])
            lines.append(f"| {start} | {count or 'all'} | {mean:.1%} | {low:.1%} to {high:.1%} | {each} |")
    return "\n".join(lines)


def make_figure(results, clips_per_class):
    """Accuracy over clips a class, a line with its interval for each start; all clips are at `clips_per_class`."""
    from keras_action.plots.figure import new_figure

    figure = new_figure(6.4, 4)
    axes = figure.subplots()
    for start, counts in results.items():
        order = sorted(counts, key=lambda count: count or np.inf)
        means, lows, highs = np.transpose([summarize(counts[count]) for count in order])
        places = [count or clips_per_class for count in order]
        axes.errorbar(places, means, yerr=[means - lows, highs - means], marker="o", capsize=3, label=start)
    axes.set_xlabel("training clips a class")
    axes.set_ylabel("top-1")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.few_clips", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True, help=DATA_FORMS)
    parser.add_argument("--val", help="the same for validation")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="for the runs and the table")
    parser.add_argument("--starts", nargs="+", default=["motion"], metavar="START", help="default: motion")
    parser.add_argument("--name", help="of the start in the table, for a single one (default: the start)")
    parser.add_argument(
        "--counts", nargs="+", type=int, default=[5, 10, ALL], metavar="N", help="0: all (default: 5 10 0)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    add_set_argument(parser)
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.name and len(arguments.starts) > 1:
        parser.error("--name is for a single start")
    if ALL in arguments.counts and not arguments.val:
        parser.error(f"without --val, clips must be left to evaluate. Received: --counts {ALL}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action import data, plots
    from keras_action.utils.files import write_whole

    output = Path(arguments.output)
    try:
        training = data.read_data_set(arguments.train)
        validation = data.read_data_set(arguments.val, labels=training.labels) if arguments.val else None
        for seed in arguments.seeds:
            for count in arguments.counts:
                for start in arguments.starts:
                    name = arguments.name or Path(start).stem
                    folder = output / name / str(count) / str(seed)
                    run = measure(start, count, seed, training, validation, folder, arguments.set)
                    print(f"{name}, {count or 'all'} clips a class, seed {seed}: {run['top1']:.1%}", flush=True)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. The same command resumes in {output}.")
    results = collect(output)
    print(make_table(results))
    write_whole(output / "few_clips.md", make_table(results) + "\n")
    write_whole(
        output / "few_clips.json",
        json.dumps({start: {n: summarize(runs) for n, runs in counts.items()} for start, counts in results.items()}),
    )
    try:
        plots.save_figure(make_figure(results, len(training) / len(training.labels)), output / "few_clips.png")
    except ImportError as error:
        print(f"No picture: {error}")


if __name__ == "__main__":
    main()

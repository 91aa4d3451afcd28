"""Measure how many clips of each class a start needs: accuracy on validation clips over clips a class.

examples:
  python -m benchmarks.few_clips --train train.csv --val val.csv --starts motion --output runs/few
  python -m benchmarks.few_clips --train train.csv --val val.csv --starts mobilenet_v2_imagenet.npz --output runs/few
  python -m benchmarks.few_clips --train train.csv --starts motion --counts 5 10 --set epochs=30 --output runs/choose

Each start is trained with the recipe `few_clips`, once for each number of clips a class and each seed, which also draws
the clips. A start is "motion", a file of ImageNet weights, or the folder of a run. Without --val the clips of --train
that were not drawn are evaluated, to choose settings by. The models of the last epoch are evaluated, or with
`ema_momentum` their average. OUTPUT gets the runs, few_clips.md, few_clips.json and, with Matplotlib, few_clips.png;
the table has all starts that are in OUTPUT. An interrupted benchmark resumes with the same command.

Calls with the same --name, each with another pretrained model and other seeds, are one row. Its interval is over clips,
trainings and pretrained models. `keras-action experiments methods --clips-per-class` compares methods in this way.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from benchmarks.arguments import benchmark_parser
from keras_action.programs.arguments import DATA_FORMS, add_set_argument, pictures_if_possible

ALL = 0  # clips a class: all that there are


def start_fields(start):
    """The fields of a recipe for a start."""
    if start == "motion":
        return ["weights=motion"]
    return [f"start_from={start}", "weights=none"] if Path(start).is_dir() else [f"weights={start}"]


def measure(start, count, seed, training, validation, folder, assignments):
    """Trains once, unless that is done; the accuracy and the results of the clips, as `evaluation.json` has them."""
    import keras

    import keras_action
    from keras_action.data.splits import draw_clips
    from keras_action.evaluation import Protocol
    from training.recipes import load_recipe

    path = folder / "evaluation.json"
    if not path.is_file():
        drawn, others = draw_clips(training, None if count == ALL else count, seed)
        recipe = load_recipe("few_clips", [*start_fields(start), *assignments, f"seed={seed}"], num_clips=len(drawn))
        run = keras_action.train(recipe, drawn, None, folder, tensorboard=False)
        report = keras_action.evaluate(
            run.load_model(),
            others if validation is None else validation,
            Protocol.as_trained(recipe),
            progress=False,
        )
        report.save_json(path)
        keras.backend.clear_session()
    return json.loads(path.read_text(encoding="utf-8"))


def summarize(runs):
    """The mean accuracy of several runs, and the ends of its 95 % interval.

    It is over pretrained models and runs of each, and over the validation clips if all runs have the same.
    """
    from keras_action.utils.statistics import bootstrap_intervals, mean_weights, resampled_weights

    starts = [run["start"] for run in runs]
    rights = [{row["path"]: row["true"] == row["predicted"] for row in run["results"]} for run in runs]
    means = np.array([np.mean(list(right.values())) for right in rights])
    paths, rng = sorted(rights[0]), np.random.default_rng(0)
    if all(sorted(right) == paths for right in rights):
        table = np.array([[right[path] for path in paths] for right in rights], float)
    else:
        table = means[:, None]

    def mean(counts):
        accuracies = counts @ table.T / counts.sum(axis=1, keepdims=True)
        weights = resampled_weights(starts, len(counts), rng)
        return (accuracies * weights).sum(axis=1, keepdims=True)

    [interval] = bootstrap_intervals(mean, np.arange(table.shape[1]))
    return float(mean_weights(starts) @ means), *interval


def collect(folder):
    """Name → clips a class → the results of its runs and what each started from, of all that are in a folder."""
    from keras_action.training.run import read_description

    found = {}
    for path in sorted(folder.glob("*/*/*/evaluation.json")):
        name, count, _ = path.relative_to(folder).parts[:3]
        recipe = read_description(path.parent)[0]["recipe"]
        run = {**json.loads(path.read_text(encoding="utf-8")), "start": str(recipe.start_from or recipe.weights)}
        found.setdefault(name, {}).setdefault(int(count), []).append(run)
    return found


def make_table(results):
    """The results of `collect` as a Markdown table."""
    head = ("start", "clips a class", "pretrained models", "trainings", "clips evaluated", "top-1, mean", "95 %")
    lines = [
        f"| {' | '.join(head)} | of each training |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for start, counts in results.items():
        for count in sorted(counts, key=lambda count: count or np.inf):
            runs = counts[count]
            mean, low, high = summarize(runs)
            cells = [start, count or "all", len({run["start"] for run in runs}), len(runs), len(runs[0]["results"])]
            cells += [f"{mean:.1%}", f"{low:.1%} to {high:.1%}", ", ".join(f"{run['top1']:.1%}" for run in runs)]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def make_parser():
    parser = benchmark_parser("few_clips", __doc__)
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
    mean = len(training) / len(training.labels)
    curves = {
        start: [(count or mean, *summarize(runs)) for count, runs in counts.items()]
        for start, counts in results.items()
    }
    with pictures_if_possible():
        plots.save_figure(plots.learning_curves_figure(curves), output / "few_clips.png")


if __name__ == "__main__":
    main()

"""Repeat the paper's Tables 1, 3 and 4 and the locations of its supplement, with several seeds and intervals.

examples:
  keras-action experiments table1 --train train.csv --val val.csv --recipe egogestar --output runs/table1
  keras-action experiments table3 --train shards/train --val shards/val --seeds 0 1 2 --output runs/table3
  keras-action experiments locations --train train.csv --val val.csv --rows "location 1" --output runs/locations
  keras-action experiments methods --train train.csv --val val.csv --rows TSM ME ACTION --recipe few_clips \\
      --start-from runs/pretrained --clips-per-class 5 10 all --output runs/few

Each row is trained once for each seed, in OUTPUT/ROW/SEED, and evaluated on --val, with one clip and the centre crop.
With --start-from each seed starts from the pretrained model of the same row and seed; with --start-seeds each seed
starts from each of these seeds, in OUTPUT/ROW/SEED_from_START if they differ. With --clips-per-class the seed also
draws the training clips, and a number N of them has its own OUTPUT/N_clips. The intervals are over clips, trainings and
pretrained models.

An interrupted experiment resumes with the same command. OUTPUT gets the table, such as table1.md and table1.json, and
with Matplotlib the curves, table1.png; with several numbers of clips also their curve, table1_clips.png. Several
experiments can share an OUTPUT: rows of the same name are trained once.
"""

import argparse
import dataclasses
import math
import sys
import time
from pathlib import Path

from keras_action.programs.arguments import (
    DATA_FORMS,
    add_recipe_arguments,
    add_strategy_argument,
    exit_on_errors,
    pictures_if_possible,
    program_parser,
)

from .methods import METHODS
from .pretrain import PERSONS, STAGES

# Experiment → row → fields of the recipe. "methods" has the rows of Tables 1 and 3.
EXPERIMENTS = {
    "table1": {name: METHODS[name] for name in ("TSN", "TSM", "ACTION")},
    "table3": {name: METHODS[name] for name in ("TSN", "shift", "STE", "CE", "ME", "ACTION")},
    "table4": {
        "stages 2-5": {"stages": (2, 3, 4, 5)},
        "stages 3-5": {"stages": (3, 4, 5)},
        "stages 4-5": {"stages": (4, 5)},
        "stage 5": {"stages": (5,)},
    },
    "locations": {f"location {number}": {"location": number} for number in (1, 2, 3, 4)},
    "methods": METHODS,
}
# The runs of `keras-action pretrain` that clip models start from: the first one that is there.
_STAGES_OF_CLIPS = tuple(stage.name for stage in (PERSONS, *reversed(STAGES[1:])))
_SHIFTS = {"action_net": "learnable", "tsm": "fixed"}  # of a recipe with `shift="default"`


def make_parser():
    parser = program_parser("experiments", __doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS, help="the comparison")
    parser.add_argument("--train", required=True, help=DATA_FORMS)
    parser.add_argument("--val", required=True, help="validation clips, in the same forms")
    parser.add_argument("--output", required=True, help="folder for all runs")
    add_recipe_arguments(parser)
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows (default: all)")
    parser.add_argument("--reference", metavar="ROW", help="the row that others are compared with (default: the first)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    parser.add_argument("--clips-per-class", nargs="+", type=_count, default=[None], metavar="N", help="training clips "
        "of each class, a number or all; one table for each (default: all)",
    )  # fmt: skip
    parser.add_argument("--start-from", metavar="FOLDER", help="pretrained models, the runs FOLDER/ROW/SEED of an "
        "earlier call on other clips or of `keras-action pretrain`; or a path with {row} and {seed}",
    )  # fmt: skip
    parser.add_argument("--start-seeds", nargs="+", type=int, metavar="N", help="start each seed from these seeds of "
        "--start-from, one training each (default: from the same seed)",
    )  # fmt: skip
    parser.add_argument("--checkpoint", choices=("best", "last"), default="last", help="which to evaluate: best by "
        "validation accuracy flatters all rows, as it is chosen on the clips that it is evaluated on; with "
        "`ema_momentum` both are the average of the weights (default: last)",
    )  # fmt: skip
    add_strategy_argument(parser)
    return parser


def _count(text):
    if text != "all" and not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a number of clips, or all. Received: {text}")
    return None if text == "all" else int(text)


@dataclasses.dataclass(frozen=True)
class Training:
    """One training of a row: its seed, and the run that it starts from, with the seed of that run."""

    row: str
    seed: int
    start_from: str | None = None
    start_seed: int | None = None

    def folder(self, output):
        name = f"{self.seed}" if self.start_seed in (None, self.seed) else f"{self.seed}_from_{self.start_seed}"
        return Path(output) / self.row.replace(" ", "_") / name


def plan(rows, seeds, start_from=None, start_seeds=None):
    """The trainings of an experiment, seed by seed, so that a table of all rows is written early.

    Raises:
        FileNotFoundError: If a pretrained model is missing. One of another seed is no substitute: trainings that share
            a pretrained model are not independent.
        ValueError: If a pretrained model has another seed, its training is not finished, or not all are of the same
            stage of `keras-action pretrain`.
    """
    trainings = []
    for seed in seeds:
        for start_seed in [None] if start_from is None else start_seeds or [seed]:
            for row in rows:
                start = None if start_from is None else find_start(start_from, row, start_seed)
                trainings.append(Training(row, seed, start, start_seed))
    starts = [Path(training.start_from) for training in trainings if training.start_from]
    by_stage = {path.name if path.name in _STAGES_OF_CLIPS else None: path for path in starts}
    if len(by_stage) > 1:
        raise ValueError(
            "All rows must start from the same stage of `keras-action pretrain`. Received: "
            f"{', '.join(map(str, by_stage.values()))}"
        )
    return trainings


def find_start(pattern, row, seed):
    """The path of the pretrained run of a row and a seed, for an argument `--start-from`. Raises errors as `plan`."""
    from keras_action.training.callbacks import finished_epochs
    from keras_action.training.run import DESCRIPTION, read_description

    path = str(pattern) if "{" in str(pattern) else f"{pattern}/{{row}}/{{seed}}"
    path = Path(path.replace("{row}", row.replace(" ", "_")).replace("{seed}", str(seed)))
    runs = [path, *(path / stage for stage in _STAGES_OF_CLIPS)]
    runs = [run for run in runs if (run / DESCRIPTION).is_file()]
    if not runs:
        raise FileNotFoundError(
            f"There is no run of {row!r} with seed {seed} to start from. Received: --start-from {pattern}, where "
            f"{path} is missing or no run"
        )
    recipe = read_description(runs[0])[0]["recipe"]
    if recipe.seed != seed:
        raise ValueError(f"A run of {row!r} with seed {seed} is needed. Received: {runs[0]} with seed {recipe.seed}")
    epochs = finished_epochs(runs[0])
    if epochs < recipe.epochs:
        raise ValueError(
            f"A run to start from must be finished. Received: {runs[0]} with {epochs} of {recipe.epochs} epochs"
        )
    return str(runs[0])


def own_recipe(recipe, fields, training):
    """The recipe of one training of a row, from that of the experiment; raises a `ValueError` if its start misfits."""
    from keras_action.training.run import read_description

    recipe = dataclasses.replace(recipe, **fields, seed=training.seed)
    if training.start_from is None:
        return recipe
    needed, found = _architecture(recipe), _architecture(read_description(training.start_from)[0]["recipe"])
    pairs = [(name, found.get(name), value) for name, value in needed.items()]
    differences = [f"{name}={other!r}, not {value!r}" for name, other, value in pairs if other != value]
    if differences:
        raise ValueError(
            f"The run that {training.row!r} starts from must be of the same model. Received: {training.start_from} "
            f"with {', '.join(differences)}"
        )
    return dataclasses.replace(recipe, start_from=training.start_from, weights=None)


def _architecture(recipe):
    """The fields of a recipe that determine the layers of its model, in one form each."""
    values = {name: getattr(recipe, name) for name in ("model", "backbone", "alpha")}
    if recipe.model != "tsn":
        stages = recipe.stages or (2, 3, 4, 5)
        shift = _SHIFTS[recipe.model] if recipe.shift == "default" else recipe.shift
        values |= {"shift": shift, "stages": tuple(sorted(stages)), "location": recipe.location}
    if recipe.model == "action_net":
        values["paths"] = tuple(sorted(recipe.paths))
    return values


def run_row(recipe, training, validation, folder, checkpoint, strategy="none"):
    """Trains one row with one seed, unless it is trained already. Returns the `EvaluationReport`.

    Of several processes each evaluates on one device: the others could only wait.
    """
    import keras

    import keras_action
    from keras_action.evaluation import Protocol
    from keras_action.training.resume import load_average

    keras_action.train(recipe, training, validation, folder, strategy=strategy)
    run = keras_action.load_run(folder if checkpoint == "best" else Path(folder) / "last.keras")
    # best.keras contains the average already.
    model = load_average(run) if recipe.ema_momentum and checkpoint == "last" else run.load_model()
    report = keras_action.evaluate(
        model,
        validation,
        Protocol.as_trained(recipe),
        batch_size=recipe.clips_per_step,
        progress=sys.stdout.isatty(),
    )
    keras.backend.clear_session()
    return report


def write_comparison(reports, pretrainings, logs, folder, experiment, reference=None):
    """Writes EXPERIMENT.md, .json and, with Matplotlib, the curves as .png.

    Args:
        reports: Name of a row → its `EvaluationReport`s.
        pretrainings: Name of a row → the pretrained models of these trainings, or empty.
        logs: Name of a row → the log.csv files of its trainings.
        folder: Where to write.
        experiment: The experiment's name.
        reference: The row that others are compared with, or `None` for the first.

    Returns:
        The `ComparedModel`s, the table and the paths of the files.
    """
    from keras_action import plots
    from keras_action.evaluation import compare
    from keras_action.evaluation.text import interval_note
    from keras_action.utils.files import json_number, write_json, write_whole

    rows = compare(reports, reference, pretrainings)
    note = interval_note(next(iter(reports.values()))[0])
    note += ", trainings and pretrained models" if pretrainings else " and trainings"
    text = f"{table(rows, reference or rows[0].name)}\n\n{note}."
    values = [{**dataclasses.asdict(row), "pairs": json_number(row.pairs)} for row in rows]
    written = [
        write_whole(folder / f"{experiment}.md", text + "\n"),
        write_json(folder / f"{experiment}.json", values),
    ]
    with pictures_if_possible("picture of the curves"):
        plots.save_figure(plots.compared_curves_figure(logs), folder / f"{experiment}.png")
        written.append(folder / f"{experiment}.png")
    return rows, text, written


def table(rows, reference):
    """The comparison as a Markdown table."""
    lines = [
        f"| | pretrained models | trainings | top-1, mean | 95 % | of each training | above {reference} | 95 % "
        "| within pairs |",
        "| --- | ---: | ---: | ---: | --- | --- | ---: | --- | ---: |",
    ]
    for row in rows:
        pretrainings = "" if row.num_pretrainings is None else str(row.num_pretrainings)
        seeds = ", ".join(f"{value:.1%}" for value in row.top1)
        cells = [row.name, pretrainings, str(len(row.top1)), f"{row.mean:.1%}", _span(row.interval), seeds]
        if row.name == reference:
            cells += ["", ""]
        else:
            cells += [f"{100 * row.difference:+.1f}", _span(row.difference_interval, "+.1f", 100)]
        cells.append("" if math.isnan(row.pairs) else f"{row.pairs:.1%}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _span(interval, form=".1%", scale=1):
    return f"{scale * interval.low:{form}} to {scale * interval.high:{form}}"


def run_experiment(arguments, rows, trainings, training_set, validation_set, count, output):
    """Trains and evaluates all rows with `count` clips of each class. Returns what `write_comparison` returns."""
    from keras_action.data.splits import draw_clips
    from keras_action.training.distribution import is_main_process

    from .recipes import load_recipe

    reports, pretrainings, logs, result = {}, {}, {}, ()
    for i, training in enumerate(trainings):
        folder, started = training.folder(output), time.process_time()
        print(f"\n{training.row}, seed {training.seed}: {folder}", flush=True)
        clips, _ = draw_clips(training_set, count, training.seed)
        recipe = load_recipe(arguments.recipe, arguments.set, num_clips=len(clips))
        recipe = own_recipe(recipe, rows[training.row], training)
        report = run_row(recipe, clips, validation_set, folder, arguments.checkpoint, arguments.strategy)
        reports.setdefault(training.row, []).append(report)
        logs.setdefault(training.row, []).append(folder / "log.csv")
        if recipe.start_from is not None:
            pretrainings.setdefault(training.row, []).append(recipe.start_from)
        if is_main_process():
            report.save_json(folder / "evaluation.json")
            minutes = (time.process_time() - started) / 60
            print(f"{training.row}, seed {training.seed}: {report.top1:.1%}, {minutes:.1f} core-minutes", flush=True)
            if (i + 1) % len(rows) == 0:
                names = arguments.experiment, arguments.reference
                result = write_comparison(reports, pretrainings, logs, output, *names)
    return result


def write_curves(rows_by_count, training_set, path):
    """Draws the accuracy of each row over the number of training clips of each class; all clips are at their mean."""
    from keras_action import plots

    mean, curves = len(training_set) / len(training_set.labels), {}
    for count, rows in rows_by_count.items():
        for row in rows:
            curves.setdefault(row.name, []).append((count or mean, row.mean, *row.interval))
    with pictures_if_possible("picture of the accuracies"):
        plots.save_figure(plots.learning_curves_figure(curves), path)


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    rows = EXPERIMENTS[arguments.experiment]
    unknown = set(arguments.rows or ()) - set(rows)
    if unknown:
        parser.error(f"--rows must be of {', '.join(rows)}. Received: {', '.join(sorted(unknown))}")
    rows = {name: fields for name, fields in rows.items() if name in (arguments.rows or rows)}
    if arguments.reference not in (None, *rows):
        parser.error(f"--reference must be one of the rows, {', '.join(rows)}. Received: {arguments.reference}")
    if arguments.start_seeds and arguments.start_from is None:
        parser.error("--start-seeds are seeds of --start-from, which is missing")
    output = Path(arguments.output)
    with exit_on_errors(FloatingPointError, interrupted=f"Interrupted. The same command resumes in {output}."):
        from keras_action.data import read_data_set
        from keras_action.training.distribution import is_main_process

        from .recipes import load_recipe

        trainings = plan(rows, arguments.seeds, arguments.start_from, arguments.start_seeds)
        training_set = read_data_set(arguments.train)
        validation_set = read_data_set(arguments.val, labels=training_set.labels, allow_empty_classes=True)
        recipe = load_recipe(arguments.recipe, arguments.set, num_clips=len(training_set))
        for training in trainings:  # before the first is trained
            own_recipe(recipe, rows[training.row], training)
        results = {}
        for count in dict.fromkeys(arguments.clips_per_class):
            folder = output if count is None else output / f"{count}_clips"
            results[count] = run_experiment(arguments, rows, trainings, training_set, validation_set, count, folder)
        if not is_main_process():
            return
        if len(results) > 1:
            rows_by_count = {count: rows for count, (rows, _, _) in results.items()}
            write_curves(rows_by_count, training_set, output / f"{arguments.experiment}_clips.png")
    for count, (_, text, written) in results.items():
        title = "" if count is None else f"{count} training clips of each class:\n\n"
        print(f"\n{title}{text}\n\nWritten: {', '.join(map(str, written))}")


if __name__ == "__main__":
    main()

"""Repeat the paper's Tables 1, 3 and 4 and the locations of its supplement, with several seeds and intervals.

examples:
  keras-action experiments table1 --train train.csv --val val.csv --recipe egogestar --output runs/table1
  keras-action experiments table3 --train shards/train --val shards/val --seeds 0 1 2 --output runs/table3
  keras-action experiments locations --train train.csv --val val.csv --rows "location 1" --output runs/locations
  keras-action experiments table1 --train train.csv --val val.csv --start-from runs/made_up --output runs/real

Each row is trained once for each seed, in OUTPUT/ROW/SEED, and evaluated on --val, with one clip and the centre crop.
With --start-from each seed starts from the pretrained model of the same seed; with --start-seeds each seed starts from
each of these seeds, in OUTPUT/ROW/SEED_from_START if they differ. The intervals are over clips, trainings and
pretrained models.

An interrupted experiment resumes with the same command. OUTPUT gets the table, such as table1.md and table1.json, and
with Matplotlib the curves, table1.png. Several experiments can share an OUTPUT: rows of the same name are trained once.
"""

import dataclasses
import math
import sys
from pathlib import Path

from keras_action.programs.arguments import (
    DATA_FORMS,
    add_recipe_arguments,
    add_strategy_argument,
    exit_on_errors,
    program_parser,
)

# Experiment → row → fields of the recipe. The other rows are compared with the first.
EXPERIMENTS = {
    "table1": {
        "TSN": {"model": "tsn"},
        "TSM": {"model": "tsm"},
        "ACTION": {},
    },
    "table3": {
        "TSN": {"model": "tsn"},
        "shift": {"model": "tsm", "shift": "learnable"},
        "STE": {"paths": ("ste",)},
        "CE": {"paths": ("ce",)},
        "ME": {"paths": ("me",)},
        "ACTION": {},
    },
    "table4": {
        "stages 2-5": {"stages": (2, 3, 4, 5)},
        "stages 3-5": {"stages": (3, 4, 5)},
        "stages 4-5": {"stages": (4, 5)},
        "stage 5": {"stages": (5,)},
    },
    "locations": {f"location {number}": {"location": number} for number in (1, 2, 3, 4)},
}


def make_parser():
    parser = program_parser("experiments", __doc__)
    parser.add_argument("experiment", choices=EXPERIMENTS, help="the comparison")
    parser.add_argument("--train", required=True, help=DATA_FORMS)
    parser.add_argument("--val", required=True, help="validation clips, in the same forms")
    parser.add_argument("--output", required=True, help="folder for all runs")
    add_recipe_arguments(parser)
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="only these rows (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="default: 0 1 2")
    parser.add_argument("--start-from", metavar="FOLDER", help="the OUTPUT of an earlier call, on other clips: each "
        "row starts from its own model there, with the same seed",
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
    """
    trainings = []
    for seed in seeds:
        for start_seed in [None] if start_from is None else start_seeds or [seed]:
            for row in rows:
                start = None if start_from is None else start_of(start_from, row, start_seed)
                trainings.append(Training(row, seed, start, start_seed))
    return trainings


def start_of(folder, row, seed):
    """The path of the run of a row with a seed, in the output of an earlier call."""
    run = Training(row, seed).folder(folder)
    if not run.is_dir():
        runs = run.parent.iterdir() if run.parent.is_dir() else ()
        seeds = ", ".join(sorted(path.name for path in runs)) or "none"
        raise FileNotFoundError(
            f"There is no run of {row!r} with seed {seed} to start from; its seeds: {seeds}. "
            f"Received: --start-from {folder}"
        )
    return str(run)


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


def write_comparison(rows, logs, folder, experiment):
    """Writes EXPERIMENT.md, .json and, with Matplotlib, the curves as .png. Returns the table and the paths.

    Args:
        rows: The `ComparedModel`s; the first is the reference.
        logs: Name of each → the log.csv files of its trainings.
        folder: Where to write.
        experiment: The experiment's name.
    """
    from keras_action import plots
    from keras_action.utils.files import json_number, write_json, write_whole

    text = table(rows, rows[0].name)
    values = [{**dataclasses.asdict(row), "pairs": json_number(row.pairs)} for row in rows]
    written = [
        write_whole(folder / f"{experiment}.md", text + "\n"),
        write_json(folder / f"{experiment}.json", values),
    ]
    try:
        plots.save_figure(plots.compared_curves_figure(logs), folder / f"{experiment}.png")
        written.append(folder / f"{experiment}.png")
    except ImportError as error:
        print(f"No picture of the curves: {error}")
    return text, written


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


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    rows = EXPERIMENTS[arguments.experiment]
    unknown = set(arguments.rows or ()) - set(rows)
    if unknown:
        parser.error(f"--rows must be of {', '.join(rows)}. Received: {', '.join(sorted(unknown))}")
    rows = {name: fields for name, fields in rows.items() if name in (arguments.rows or rows)}
    if arguments.start_seeds and arguments.start_from is None:
        parser.error("--start-seeds are seeds of --start-from, which is missing")
    output = Path(arguments.output)
    with exit_on_errors(FloatingPointError, interrupted=f"Interrupted. The same command resumes in {output}."):
        from keras_action.data import read_data_set
        from keras_action.evaluation.comparison import compare
        from keras_action.training.distribution import is_main_process

        from .recipes import load_recipe

        trainings = plan(rows, arguments.seeds, arguments.start_from, arguments.start_seeds)
        training_set = read_data_set(arguments.train)
        recipe = load_recipe(arguments.recipe, arguments.set, num_clips=len(training_set))
        validation_set = read_data_set(arguments.val, labels=training_set.labels, allow_empty_classes=True)
        reports, pretrainings, logs = {}, {}, {}
        for i, training in enumerate(trainings):
            folder = training.folder(output)
            print(f"\n{training.row}, seed {training.seed}: {folder}", flush=True)
            own = dataclasses.replace(recipe, **rows[training.row], seed=training.seed)
            if training.start_from is not None:
                own = dataclasses.replace(own, start_from=training.start_from)
            report = run_row(own, training_set, validation_set, folder, arguments.checkpoint, arguments.strategy)
            if is_main_process():
                report.save_json(folder / "evaluation.json")
            reports.setdefault(training.row, []).append(report)
            logs.setdefault(training.row, []).append(folder / "log.csv")
            if own.start_from is not None:
                pretrainings.setdefault(training.row, []).append(own.start_from)
            if is_main_process() and (i + 1) % len(rows) == 0:
                text, written = write_comparison(
                    compare(reports, pretrainings=pretrainings), logs, output, arguments.experiment
                )
        if not is_main_process():
            return
    print(f"\n{text}\n\nWritten: {', '.join(map(str, written))}")


if __name__ == "__main__":
    main()

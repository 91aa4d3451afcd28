"""Train a recipe on annotated videos; run it again to resume after an interruption.

examples:
  keras-action train --train videos/train.csv --val videos/val.csv --output runs/mine
  keras-action train --train few_videos.csv --cross-validate 3 --output runs/mine
  keras-action train --train folder_of_class_folders --output runs/mine --set input_size=128 epochs=10
  keras-action train --recipe mine.py --train train.csv --val val.csv --output runs/mine
  keras-action train --recipe demo --train train.csv --val val.csv --output runs/tsn --set model=tsn
  keras-action train --train videos/train.csv --val videos/val.csv --output runs/mine --strategy mirrored
  keras-action train --train videos/train.csv --set crop_scales=1 --preview sheet.png

The output folder holds best.keras, last.keras, run.json, log.csv, curves.png and TensorBoard's logs. --preview trains
nothing, and needs no output folder.
"""

import sys
from pathlib import Path

import keras_action
from keras_action.programs.arguments import (
    DATA_FORMS,
    add_recipe_arguments,
    add_strategy_argument,
    exit_on_errors,
    pictures_if_possible,
    program_parser,
)


def make_parser():
    parser = program_parser("train", __doc__)
    parser.add_argument("--train", required=True, metavar="DATA", help=DATA_FORMS)
    parser.add_argument("--val", metavar="DATA", help="validation clips, in the same forms")
    parser.add_argument("--output", metavar="FOLDER", help="the run's folder")
    add_recipe_arguments(parser, default=None, default_text="few_clips for fewer than 500 clips, else small")
    parser.add_argument(
        "--cross-validate",
        type=int,
        metavar="FOLDS",
        help="estimate the accuracy without --val: first train once for each fold and evaluate on the held-out clips, "
        "divided by session if clips have one; then train on all clips",
    )
    parser.add_argument("--allow-empty-classes", action="store_true", help="allow classes without validation clips")
    add_strategy_argument(parser)
    parser.add_argument("--no-tensorboard", action="store_true", help="write no TensorBoard logs")
    parser.add_argument(
        "--preview", metavar="PATH", help="write a picture (PNG) of the first clips as the model takes them, and exit"
    )
    parser.add_argument("--preview-clips", type=int, default=12, metavar="N", help="clips in the preview")
    return parser


def preview(recipe, annotations, num_clips):
    """A contact sheet of the first training clips of a recipe, as the model takes them; a Matplotlib figure."""
    import numpy as np

    from keras_action.data.failures import plain_failures
    from keras_action.training.build import training_batches

    if num_clips < 1:
        raise ValueError(f"A preview must have at least one clip. Received: --preview-clips {num_clips}")
    failures = keras_action.data.FailureLog(max_share=recipe.max_failed_share)
    batches = training_batches(recipe, annotations, failures=failures).take(-(-num_clips // recipe.clips_per_step))
    with plain_failures(failures):
        clips, labels = (np.concatenate(parts)[:num_clips] for parts in zip(*batches.as_numpy_iterator(), strict=True))
    return keras_action.plots.contact_sheet_figure(clips, [describe_label(row, annotations.labels) for row in labels])


def describe_label(shares, names):
    """A row of labels as text: "wave", or "wave 0.7 + clap 0.3" where clips are mixed."""
    parts = sorted(((share, name) for share, name in zip(shares, names, strict=True) if share >= 0.005), reverse=True)
    return parts[0][1] if len(parts) == 1 else " + ".join(f"{name} {round(float(share), 2):g}" for share, name in parts)


def cross_validate(recipe, training, folder, num_folds):
    """Prints the report of a cross-validation in `folder`, and writes it to cross_validation.json."""
    print(f"Cross-validation of {len(training)} clips in {num_folds} folds.", flush=True)
    report = keras_action.evaluation.cross_validate(
        recipe, training, folder / "folds", num_folds, seed=recipe.seed, progress=sys.stdout.isatty()
    )
    report.save_json(folder / "cross_validation.json")
    print(report)
    print(f"Written: {folder / 'cross_validation.json'}. Training on all clips.", flush=True)


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if not (arguments.output or arguments.preview):
        parser.error("one of --output and --preview is required")
    if arguments.cross_validate is not None and arguments.val:
        parser.error("--cross-validate is for sets without --val")
    interrupted = f"Interrupted. The same command resumes after the last whole epoch in {arguments.output}."
    with exit_on_errors(FloatingPointError, interrupted="Interrupted." if arguments.preview else interrupted):
        from keras_action.training.distribution import is_main_process

        from .recipes import default_recipe, load_recipe

        data, plots = keras_action.data, keras_action.plots
        training = data.read_data_set(arguments.train)
        name = arguments.recipe or default_recipe(len(training))
        recipe = load_recipe(name, arguments.set, num_clips=len(training))
        if arguments.recipe is None:
            print(f"Recipe: {name}, for {len(training)} clips.")
        if arguments.preview:
            plots.save_figure(preview(recipe, training, arguments.preview_clips), arguments.preview)
            print(f"Preview: {arguments.preview}")
            return
        if name == "few_clips":
            data.check_few_clips(training)
        if arguments.cross_validate:
            cross_validate(recipe, training, Path(arguments.output), arguments.cross_validate)
        validation = None
        if arguments.val:
            validation = data.read_data_set(
                arguments.val, labels=training.labels, allow_empty_classes=arguments.allow_empty_classes
            )
        run = keras_action.train(
            recipe,
            training,
            validation,
            arguments.output,
            tensorboard=not arguments.no_tensorboard,
            strategy=arguments.strategy,
        )
    if not is_main_process():
        return
    print(f"Best checkpoint: {run.checkpoint}")
    with pictures_if_possible("picture of the curves"):
        plots.save_figure(plots.curves_figure(run.folder / "log.csv"), run.folder / "curves.png")
        print(f"Curves: {run.folder / 'curves.png'}")


if __name__ == "__main__":
    main()

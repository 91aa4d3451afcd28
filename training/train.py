"""Train a recipe on annotated videos; run it again to go on after an interruption.

examples:
  python -m training.train --train videos/train.csv --val videos/val.csv --output runs/mine
  python -m training.train --train folder_of_class_folders --output runs/mine --set input_size=128 epochs=10
  python -m training.train --recipe demo --train train.csv --val val.csv --output runs/tsn --set model=tsn

The output folder holds best.keras, last.keras, run.json, log.csv, curves.png and TensorBoard's logs.
"""

import argparse
import importlib
import os
import sys


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m training.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", required=True, help="annotation CSV (path,label[,start,end]) or folder of classes")
    parser.add_argument("--val", help="the same for validation")
    parser.add_argument("--output", required=True, help="the run's folder")
    parser.add_argument("--recipe", default="small", help="a module of training/recipes (default: small)")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="FIELD=VALUE", help="override fields of the recipe"
    )
    parser.add_argument("--allow-empty-classes", action="store_true", help="classes may be without validation clips")
    parser.add_argument("--no-tensorboard", action="store_true", help="write no TensorBoard logs")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras_action
    from keras_action import plots
    from keras_action.data import AnnotationError, TooManyFailuresError, read_annotations

    try:
        module = importlib.import_module(f"training.recipes.{arguments.recipe}")
    except ModuleNotFoundError as error:
        if error.name != f"training.recipes.{arguments.recipe}":
            raise
        sys.exit(f"error: training/recipes has no recipe of this name. Received: --recipe {arguments.recipe}")
    try:
        recipe = module.recipe().override(arguments.set)
        training = read_annotations(arguments.train)
        validation = None
        if arguments.val:
            validation = read_annotations(
                arguments.val, labels=training.labels, allow_empty_classes=arguments.allow_empty_classes
            )
        run = keras_action.train(
            recipe, training, validation, arguments.output, tensorboard=not arguments.no_tensorboard
        )
    except (AnnotationError, FloatingPointError, ImportError, OSError, TooManyFailuresError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. The same command goes on after the last whole epoch in {arguments.output}.")
    print(f"Best checkpoint: {run.checkpoint}")
    try:
        plots.save_figure(plots.curves_figure(run.folder / "log.csv"), run.folder / "curves.png")
        print(f"Curves: {run.folder / 'curves.png'}")
    except ImportError as error:
        print(f"No picture of the curves: {error}")


if __name__ == "__main__":
    main()

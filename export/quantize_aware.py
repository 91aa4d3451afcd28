"""Fine-tune a run with the rounding of an int8 file, for when quantising it after training costs too much accuracy.

examples:
  keras-action quantize-aware runs/mine --train videos/train.csv --val videos/val.csv --output runs/mine_rounded
  keras-action quantize-aware runs/mine --train train.csv --val val.csv --output runs/rounded --epochs 4 \\
      --learning-rate 1e-4

Then convert and check the new run as any other, with keras-action convert. Its folder holds best.keras, a plain
model with the new weights, run.json and log.csv, whose accuracies are those of the rounded model. An
interrupted fine-tuning cannot be resumed: delete its folder, or choose another.
"""

import argparse
import os
import sys

from keras_action.programs.arguments import DATA_FORMS


def make_parser():
    parser = argparse.ArgumentParser(
        prog="keras-action quantize-aware",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a training run's folder")
    parser.add_argument("--train", required=True, help=DATA_FORMS)
    parser.add_argument("--val", help="the same for validation, by which the best epoch is chosen")
    parser.add_argument("--output", required=True, help="the new run's folder")
    parser.add_argument("--epochs", type=int, default=2, help="passes over the training set (default: 2)")
    parser.add_argument(
        "--learning-rate", type=float, help="the first; it falls to zero (default: a twentieth of the run's highest)"
    )
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action import load_run
    from keras_action.data import AnnotationError, TooManyFailuresError, read_data_set
    from keras_action.training.quantization_aware import fine_tune

    try:
        run = load_run(arguments.run)
        training = read_data_set(arguments.train, labels=run.labels)
        validation = None
        if arguments.val:
            validation = read_data_set(arguments.val, labels=run.labels, allow_empty_classes=True)
        rounded = fine_tune(
            run,
            training,
            validation,
            arguments.output,
            epochs=arguments.epochs,
            learning_rate=arguments.learning_rate,
        )
    except (AnnotationError, FloatingPointError, ImportError, OSError, TooManyFailuresError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"Rounded run: {rounded.folder}. Convert it with keras-action convert {rounded.folder}")


if __name__ == "__main__":
    main()

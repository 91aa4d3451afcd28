"""Evaluate a trained run: top-1, top-5, the confusion matrix as a picture, and every clip that it gets wrong.

examples:
  python -m training.evaluate runs/mine --data videos/val.csv
  python -m training.evaluate runs/mine/last.keras --data folder_of_class_folders --output results

A file that cannot be decoded is listed, and not counted as right. The output folder, by default the run's own, gets
evaluation.json and confusion.png.
"""

import argparse
import os
import sys
from pathlib import Path

from training.arguments import DATA_FORMS


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, or one of its .keras files")
    parser.add_argument("--data", required=True, help=DATA_FORMS)
    parser.add_argument("--output", help="where to write (default: the run's folder)")
    parser.add_argument("--batch-size", type=int, default=8, help="clips at a time (default: 8)")
    parser.add_argument(
        "--max-failed-share", type=float, default=0.1, help="stop if more of the clips fail (default: 0.1)"
    )
    parser.add_argument(
        "--pairs",
        nargs="+",
        action="extend",
        default=[],
        metavar="A,B",
        help="pairs of classes to look at alone: swipe_left,swipe_right",
    )
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    pairs = [tuple(pair.split(",")) for pair in arguments.pairs]
    if any(len(pair) != 2 for pair in pairs):
        parser.error(f"--pairs must be two labels with a comma between each. Received: {arguments.pairs}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras_action
    from keras_action import plots
    from keras_action.data import AnnotationError, FailureLog, TooManyFailuresError, read_data_set

    try:
        run = keras_action.read_run(arguments.run)
        annotations = read_data_set(arguments.data, labels=run.labels, allow_empty_classes=True)
        report = keras_action.evaluate(
            run.load_model(),
            annotations,
            num_segments=run.num_segments,
            input_size=run.input_size,
            batch_size=arguments.batch_size,
            failures=FailureLog(max_share=arguments.max_failed_share),
            progress=sys.stdout.isatty(),
        )
        pair_accuracy = report.pair_accuracy(pairs)
    except (AnnotationError, ImportError, OSError, TooManyFailuresError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(report)
    for clip in report.wrong():
        print(f"wrong: {clip.path}: {clip.true} taken for {clip.predicted} ({clip.probability:.2f})")
    for path in report.undecodable:
        print(f"not decoded: {path}")
    for (first, second), accuracy in pair_accuracy.items():
        print(f"{first} against {second}: {accuracy:.1%} (chance 50 %)")
    folder = Path(arguments.output or run.folder)
    folder.mkdir(parents=True, exist_ok=True)
    report.save_json(folder / "evaluation.json")
    figure = plots.confusion_matrix_figure(
        report.confusion, report.labels, title=f"{run.recipe.model}, {report.top1:.1%}"
    )
    plots.save_figure(figure, folder / "confusion.png")
    print(f"Written: {folder / 'evaluation.json'}, {folder / 'confusion.png'}")


if __name__ == "__main__":
    main()

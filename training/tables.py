"""Count what the models cost, ours beside the paper's Tables 3 and 5: parameters and multiply-adds of a clip.

examples:
  python -m training.tables
  python -m training.tables --csv cost.csv --figure cost.png
  python -m training.tables --backbones mobilenet_v2 --input-size 112 --num-classes 27

The tables are Markdown, on standard output. What the words mean, and where paper and count differ: docs/cost.md.
"""

import argparse
import gc
import os
import sys
from pathlib import Path

from training.cost_tables import BACKBONES, FORMS, Cost, PaperFigures, tables
from training.methods import build_method

METHODS = ("TSN", "TSM", "STE", "CE", "ME", "ACTION")

# Second-hand, all of them: from the notes on the paper (arXiv 2103.07372) that this package was designed by, which have
# not been held against its tables again. What they do not quote is missing here, and "–" in our tables.
PAPER = {
    ("resnet50", "TSN"): PaperFigures(classes=83, macs="33"),
    ("resnet50", "TSM"): PaperFigures(classes=83),
    ("resnet50", "ME"): PaperFigures(extra_macs="1.69"),
    ("resnet50", "ACTION"): PaperFigures(classes=174),
    ("bn_inception", "ACTION"): PaperFigures(parameters="11.59"),
}
PAPER_SETTING = {"num_classes": 83, "num_segments": 8, "input_size": 224}


def measure(backbone, method, num_classes=83, num_segments=8, input_size=224):
    """Builds one model in the paper's variant, counts it and lets go of it."""
    import keras

    from keras_action import complexity

    options = {"num_classes": num_classes, "num_segments": num_segments, "input_size": input_size}
    model = build_method(backbone, method, **options)
    report = complexity(model)
    if report.uncounted:
        raise ValueError(f"The cost of these layers of {backbone} is not known: {', '.join(report.uncounted)}")
    squeezed = [layer.me.squeezed_channels for layer in model.layers if getattr(layer, "me", None) is not None]
    cost = Cost(
        backbone=backbone,
        method=method,
        num_classes=num_classes,
        features=model.get_layer("classifier").kernel.shape[0],
        full_convolution=sum(9 * r * r - 9 * r for r in squeezed),
        trainable=report.trainable,
        parameters=report.parameters,
        macs={form: getattr(report.macs, form) for form in FORMS},
    )
    del model, report
    keras.backend.clear_session()
    gc.collect()
    return cost


def save_csv(path, costs, paper):
    """Writes a line for each model, whole or not at all; where the paper's figure is not established it is empty."""
    from keras_action.utils.files import write_csv

    header = ("backbone", "method", "classes", "trainable", "parameters", *FORMS)
    theirs = ("classes", "parameters", "macs", "extra_macs")
    rows = []
    for cost in costs:
        figures = paper.get((cost.backbone, cost.method), PaperFigures())
        ours = (cost.backbone, cost.method, cost.num_classes, cost.trainable, cost.parameters, *cost.macs.values())
        rows.append((*ours, *(getattr(figures, name) for name in theirs)))
    return write_csv(path, (*header, *(f"paper_{name}" for name in theirs)), rows)


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m training.tables", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backbones",
        nargs="+",
        choices=tuple(BACKBONES),
        default=tuple(BACKBONES),
        metavar="NAME",
        help=f"of {', '.join(BACKBONES)} (default: all)",
    )
    parser.add_argument("--num-classes", type=int, default=83, metavar="N", help="classes (default: 83)")
    parser.add_argument("--num-segments", type=int, default=8, metavar="T", help="frames of a clip (default: 8)")
    parser.add_argument("--input-size", type=int, default=224, metavar="SIZE", help="pixels a side (default: 224)")
    parser.add_argument("--csv", metavar="FILE", help="write all figures as a CSV file")
    parser.add_argument("--figure", metavar="FILE", help="draw what the methods cost over TSN: .png, .svg or .pdf")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.figure and Path(arguments.figure).suffix.lower() not in (".png", ".svg", ".pdf"):
        parser.error(f"--figure must end in .png, .svg or .pdf. Received: {arguments.figure}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    setting = {name: getattr(arguments, name) for name in PAPER_SETTING}
    paper = PAPER if setting == PAPER_SETTING else {}
    titles = {name: BACKBONES[name] for name in arguments.backbones}
    try:
        if arguments.figure:
            from training.cost_figure import cost_figure  # first of all: without Matplotlib nothing is counted
        costs = []
        for backbone in titles:
            for method in METHODS:
                costs.append(measure(backbone, method, **setting))
                _note(f"counted: {titles[backbone]} {method}")
        print(tables(costs, setting, paper))
        if arguments.csv:
            _note(f"Written: {save_csv(arguments.csv, costs, paper)}")
        if arguments.figure:
            from keras_action.plots import save_figure

            save_figure(cost_figure(costs, titles), arguments.figure)
            _note(f"Written: {arguments.figure}")
    except (ImportError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def _note(text):
    """Progress; standard output is for the tables."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

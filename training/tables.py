"""Count parameters and multiply-adds, and compare them with the paper's Tables 3 and 5, equation 10 and Figure 4.

examples:
  keras-action tables
  keras-action tables --csv cost.csv --figure cost.png --figure-4 accuracy.png
  keras-action tables --backbones mobilenet_v2 --input-size 112 --num-classes 27

The tables are printed as Markdown. docs/cost.md explains their columns, and where the paper's figures differ.
"""

import gc
import sys
from pathlib import Path

import keras_action
from keras_action.programs.arguments import exit_on_errors, program_parser
from keras_action.utils.fields import attributes
from keras_action.utils.files import write_csv

from .cost_tables import BACKBONES, FORMS, Cost, tables
from .counting import convolution_macs, operations_as_the_paper
from .methods import build_method
from .paper import PAPER, SETTING, PaperFigures

METHODS = ("TSN", "TSM", "STE", "CE", "ME", "ACTION")


def measure(backbone, method, num_classes=83, num_segments=8, input_size=224):
    """The `Cost` of one model in the paper's variant."""
    import keras

    model = build_method(backbone, method, num_classes=num_classes, num_segments=num_segments, input_size=input_size)
    report = keras_action.complexity(model)
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
        macs=attributes(report.macs, *FORMS),
        operations=operations_as_the_paper(model, report.macs.literal),
        full_operations=operations_as_the_paper(model, report.macs.literal, convolution_macs(model)),
    )
    del model, report
    keras.backend.clear_session()
    gc.collect()
    return cost


def save_csv(path, costs, paper):
    """Writes a row for each model, whole or not at all; figures that are not in the paper are empty."""
    header = ("backbone", "method", "classes", "trainable", "parameters", *FORMS, "operations")
    theirs = ("classes", "parameters", "macs", "extra_macs", "eta")
    rows = []
    for cost in costs:
        figures = paper.get((cost.backbone, cost.method), PaperFigures())
        ours = (cost.backbone, cost.method, cost.num_classes, cost.trainable, cost.parameters, *cost.macs.values())
        rows.append((*ours, cost.operations, *(getattr(figures, name) for name in theirs)))
    return write_csv(path, (*header, *(f"paper_{name}" for name in theirs)), rows)


def make_parser():
    parser = program_parser("tables", __doc__)
    parser.add_argument(
        "--backbones",
        nargs="+",
        choices=tuple(BACKBONES),
        default=tuple(BACKBONES),
        metavar="NAME",
        help=f"of {', '.join(BACKBONES)} (default: all)",
    )
    parser.add_argument("--num-classes", type=int, default=83, metavar="N", help="classes")
    parser.add_argument("--num-segments", type=int, default=8, metavar="T", help="frames of a clip")
    parser.add_argument("--input-size", type=int, default=224, metavar="SIZE", help="pixels a side")
    parser.add_argument("--csv", metavar="FILE", help="write all figures as a CSV file")
    parser.add_argument("--figure", metavar="FILE", help="draw the costs relative to TSN: .png, .svg or .pdf")
    parser.add_argument(
        "--figure-4", metavar="FILE", help="draw the paper's accuracies over its FLOPs and ours: .png, .svg or .pdf"
    )
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    for option, path in (("--figure", arguments.figure), ("--figure-4", arguments.figure_4)):
        if path and Path(path).suffix.lower() not in (".png", ".svg", ".pdf"):
            parser.error(f"{option} must end in .png, .svg or .pdf. Received: {path}")
    setting = attributes(arguments, *SETTING)
    paper = PAPER if setting == SETTING else {}
    if arguments.figure_4 and not paper:
        parser.error(f"--figure-4 is of the paper's setting, {SETTING}. Received: {setting}")
    titles = {name: BACKBONES[name] for name in arguments.backbones}
    with exit_on_errors():
        if arguments.figure or arguments.figure_4:
            from .cost_figure import accuracy_figure, cost_figure  # fails early without Matplotlib
        costs = []
        for backbone in titles:
            for method in METHODS:
                costs.append(measure(backbone, method, **setting))
                _note(f"counted: {titles[backbone]} {method}")
        print(tables(costs, setting, paper))
        if arguments.csv:
            _note(f"Written: {save_csv(arguments.csv, costs, paper)}")
        if arguments.figure:
            keras_action.plots.save_figure(cost_figure(costs, titles), arguments.figure)
            _note(f"Written: {arguments.figure}")
        if arguments.figure_4:
            keras_action.plots.save_figure(accuracy_figure(costs, titles, paper), arguments.figure_4)
            _note(f"Written: {arguments.figure_4}")


def _note(text):
    """Prints progress to standard error; standard output is for the tables."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

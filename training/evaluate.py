"""Evaluate a trained run, a PyTorch checkpoint or a LiteRT file, on one view of each video or on the paper's thirty.

examples:
  keras-action evaluate runs/mine --data videos/val.csv
  keras-action evaluate runs/mine --data videos/val.csv --protocol paper --output results
  keras-action evaluate jester.pth.tar --num-segments 8 --data jester:validation:/data/jester --protocol paper
  keras-action evaluate gesture.tflite --data folder_of_class_folders --num-clips 5
  keras-action evaluate gesture.tflite --stream joined_*.mp4 --settings events.json

A file that cannot be decoded is listed, and counts as wrong. The output folder gets evaluation.json and, if Matplotlib
is installed, evaluation.html, confusion.png, and worst.png, the misclassified clips of the highest probability.

With --stream the events of a recogniser in whole videos are compared with the gestures in them, VIDEO.csv
(label,start,end) beside each VIDEO; the output folder gets stream.json and stream.png.
"""

import argparse
import sys
from pathlib import Path

import keras_action
from keras_action.programs.arguments import (
    DATA_FORMS,
    add_checkpoint_arguments,
    add_settings_arguments,
    exit_on_errors,
    load_model,
    make_recognizer,
    pictures_if_possible,
    program_parser,
)
from keras_action.utils.files import write_json

from .streams import add_stream_arguments, read_streams

MAX_WRONG = 20  # printed clips
MAX_CLASSES = 30  # of a printed table


def make_parser():
    parser = program_parser("evaluate", __doc__)
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a run's folder, a .keras file, a PyTorch checkpoint (.pth, .npz, …) or a .tflite file",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", help=DATA_FORMS)
    source.add_argument("--stream", nargs="+", metavar="VIDEO", help="videos with VIDEO.csv beside them")
    parser.add_argument(
        "--output",
        help="folder to write (default: the run's folder; for other files, MODEL_evaluation beside the file)",
    )
    add_checkpoint_arguments(parser, labels_default="the model's, or those of DATA")

    protocol = parser.add_argument_group("views of each video")
    protocol.add_argument(
        "--protocol",
        choices=("cheap", "paper", "reference_code"),
        default="cheap",
        help="cheap: one clip of middle frames, centre crop (the default); paper: the mean probability of ten clips "
        "sampled at random, in three crops of 256 x 256; reference_code: the same with the sampling of the released "
        "code",
    )
    protocol.add_argument("--num-clips", type=int, help="number of clips of each video")
    protocol.add_argument(
        "--num-crops", type=int, choices=(1, 3), help="crops of each clip: the centre, or three in a row"
    )
    protocol.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="size of the crops (default: the model's, or 256)"
    )
    protocol.add_argument(
        "--short-side", type=int, metavar="PIXELS", help="scale the shorter side to it first (default: the input size)"
    )
    protocol.add_argument(
        "--crop-to-aspect-ratio",
        action=argparse.BooleanOptionalAction,
        help="crop frames to the input's aspect ratio, or scale whole frames (default: as in training)",
    )
    protocol.add_argument(
        "--sampling", choices=("segments", "reference", "dense"), help="sampling of frames (default: as in training)"
    )
    protocol.add_argument(
        "--seed",
        type=_seed,
        default=argparse.SUPPRESS,
        help="seed for clips sampled at random, or none for clips spread evenly",
    )

    stream = parser.add_argument_group("recognition in videos")
    add_settings_arguments(stream)
    add_stream_arguments(stream)

    parser.add_argument("--batch-size", type=int, default=8, help="views in a batch")
    parser.add_argument(
        "--max-failed-share", type=float, default=0.1, help="stop if a larger share of the clips can't be decoded"
    )
    parser.add_argument(
        "--pairs",
        nargs="+",
        action="extend",
        type=_pair,
        metavar="A:B",
        help="pairs of classes for which an accuracy is computed, as swipe_left:swipe_right (default: known pairs of "
        "which one is the other played backwards)",
    )
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if arguments.stream:
        _evaluate_streams(arguments)
        return
    with exit_on_errors(RuntimeError):
        data = keras_action.data
        opened = load_model(arguments, arguments.model)
        protocol = _make_protocol(arguments, opened)
        annotations = data.read_data_set(arguments.data, labels=opened.labels, allow_empty_classes=True)
        report = keras_action.evaluate(
            opened.model,
            annotations,
            protocol,
            batch_size=arguments.batch_size,
            reversed_pairs=arguments.pairs,
            failures=data.FailureLog(max_share=arguments.max_failed_share),
            progress=sys.stdout.isatty(),
        )
    print(report if len(report.labels) <= MAX_CLASSES else report.summary())
    wrong = report.misclassified()
    for clip in wrong[:MAX_WRONG]:
        print(f"wrong: {clip.path}: {clip.true} predicted as {clip.predicted} ({clip.probability:.2f})")
    if len(wrong) > MAX_WRONG:
        print(f"wrong: {len(wrong) - MAX_WRONG} more, see evaluation.json")
    for path in report.undecodable:
        print(f"not decoded: {path}")

    folder = Path(arguments.output or _default_output(opened.path))
    with exit_on_errors(RuntimeError):
        written = [_write_report(report, folder), *_draw(report, annotations, folder, opened.path, arguments.data)]
    print(f"Written: {', '.join(map(str, written))}")


def _write_report(report, folder):
    """Writes evaluation.json, and deletes the pictures of an earlier evaluation."""
    for name in ("evaluation.html", "confusion.png", "worst.png"):
        (folder / name).unlink(missing_ok=True)
    report.save_json(folder / "evaluation.json")
    return folder / "evaluation.json"


def _draw(report, annotations, folder, model, data):
    """Writes the figures and the page with them, if Matplotlib is installed. Returns the paths."""
    page, confusion, wrong = (folder / name for name in ("evaluation.html", "confusion.png", "worst.png"))
    title = f"{model.name}: {report.top1:.1%}"
    with pictures_if_possible("pictures and no evaluation.html"):
        plots = keras_action.plots
        plots.save_figure(plots.confusion_matrix_figure(report.confusion, report.labels, title), confusion)
        worst = plots.worst_clips_figure(report, annotations)
        if worst is not None:
            plots.save_figure(worst, wrong)
        plots.evaluation_page(report, title, [("model", model), ("data", data)], worst).save(page)
        return [page, confusion, *([wrong] if worst is not None else [])]
    return []


def _make_protocol(arguments, opened):
    """The protocol of the arguments; other settings are those of the training."""
    names = ("num_clips", "num_crops", "input_size", "short_side", "crop_to_aspect_ratio", "sampling", "seed")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name, None) is not None}
    if "seed" in arguments:
        given["seed"] = arguments.seed
    if opened.recipe is not None:
        given = {"crop_to_aspect_ratio": opened.crop_to_aspect_ratio, **given}
        if arguments.protocol != "reference_code":
            given = {"sampling": opened.recipe.sampling, **given}
    if arguments.protocol != "cheap":
        return getattr(keras_action.evaluation.Protocol, arguments.protocol)(opened.num_segments, **given)
    return keras_action.evaluation.Protocol(opened.num_segments, **{"input_size": opened.input_size, **given})


def _default_output(path):
    from keras_action.training.run import DESCRIPTION

    folder = path if path.is_dir() else path.parent
    if (folder / DESCRIPTION).is_file() and (path.is_dir() or path.suffix == ".keras"):
        return folder
    return path.with_name(f"{path.name.split('.')[0]}_evaluation")


def _evaluate_streams(arguments):
    with exit_on_errors(RuntimeError):
        from keras_action.recognition.matching import MATCHINGS

        recognizer = make_recognizer(arguments)
        streams = read_streams(recognizer, arguments.model, arguments.stream, arguments.cache)
    settings, match = recognizer.settings, MATCHINGS[arguments.matching]
    report = keras_action.recognition.evaluate_streams(streams, settings, match)
    print(report)
    content = {
        "model": arguments.model,
        "settings": settings.to_dict(),
        "matching": arguments.matching,
        **report.to_dict(),
    }
    for name, stream in zip(arguments.stream, content["streams"], strict=True):
        stream["video"] = name
    folder = Path(arguments.output or _default_output(Path(arguments.model)))
    written = [write_json(folder / "stream.json", content)]
    with pictures_if_possible():
        plots, curve = keras_action.plots, keras_action.recognition.operating_curve(streams, settings, match=match)
        figure = plots.operating_curve_figure({"streams": curve}, {"streams": settings.on_threshold})
        plots.save_figure(figure, folder / "stream.png")
        written.append(folder / "stream.png")
    print(f"Written: {', '.join(map(str, written))}")


def _pair(text):
    pair = tuple(text.split(":" if ":" in text else ","))
    if len(pair) != 2:
        raise argparse.ArgumentTypeError(f"expected two labels separated by a colon. Received: {text}")
    return pair


def _seed(text):
    return None if text.lower() == "none" else int(text)


if __name__ == "__main__":
    main()

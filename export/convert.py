"""Convert a trained model to a LiteRT file, and compare the file with the model.

examples:
  keras-action convert runs/mine --output gesture.tflite
  keras-action convert runs/mine --quantization int8 --representative videos/train.csv --output gesture.tflite
  keras-action convert runs/mine --quantization int8 --representative train.csv --eval-data val.csv \\
      --eval-clips 100000 --max-accuracy-drop 0.01 --error-report error.png --output gesture.tflite
  keras-action convert runs/causal --streaming --average-over T --output gesture.tflite
  keras-action convert model.keras --labels labels.txt --clip-seconds 2 --output gesture.tflite
  keras-action convert tsm_bninception.pth.tar --num-segments 8 --kind tsm --output gesture.tflite
  keras-action convert --describe gesture.tflite

With labelled clips the top-1 accuracy of the model and of the file is printed. The exit status is 1 if the conversion
fails or the file does not agree with the model, and 2 for wrong arguments.
"""

import argparse
import itertools
import sys
from pathlib import Path

import keras_action
from keras_action.litert.requirements import INTEGER, QUANTIZATIONS
from keras_action.programs.arguments import DATA_FORMS, exit_on_errors, program_parser
from keras_action.utils.fields import attributes
from keras_action.utils.files import write_json
from keras_action.utils.signature import returns_sequences

from . import inputs


def make_parser():
    parser = program_parser("convert", __doc__)
    parser.add_argument(
        "model", metavar="RUN", nargs="?", help="a training run's folder, a .keras file, or a PyTorch checkpoint"
    )
    parser.add_argument("--output", metavar="FILE", help="the .tflite file to write")
    parser.add_argument(
        "--describe", metavar="FILE", help="print the metadata, tensors and operators of a .tflite file, and exit"
    )
    parser.add_argument("--clip-seconds", type=float, help="length of a clip in seconds (default: the run's)")
    parser.add_argument("--author", default="", help="author of the model, for the file's metadata")
    parser.add_argument("--description", default="", help="what the model is for, for the file's metadata")
    inputs.add_model_arguments(parser)

    formats = parser.add_argument_group("format")
    formats.add_argument("--quantization", choices=QUANTIZATIONS, default="float32", help="default: float32")
    formats.add_argument(
        "--streaming", action="store_true", help="a file that takes single frames, of a run trained with causal=True"
    )
    formats.add_argument(
        "--average-over",
        type=_number_or("T", "T"),
        metavar="N",
        help="number of frames over which a streaming file averages its logits, or T for those of a clip (default: 1)",
    )
    formats.add_argument(
        "--representative",
        metavar="DATA",
        help=f"training clips for the ranges of int8 and int16x8 activations. One of: {DATA_FORMS}",
    )
    formats.add_argument("--clips", type=int, default=128, help="number of clips for the ranges")
    formats.add_argument("--input-dtype", choices=("uint8", "float32"), help="default: uint8 of int8 files")
    formats.add_argument("--output-dtype", choices=("float32", "uint8"), default="float32", help="default: float32")
    formats.add_argument(
        "--keep-float",
        nargs="+",
        action="extend",
        default=[],
        metavar="LAYER",
        help="layers that stay float in an integer file: names or regular expressions",
    )
    formats.add_argument(
        "--max-partitions",
        type=_number_or("any", None),
        default=1,
        metavar="N",
        help="allowed number of XNNPACK's partitions, or any",
    )

    checks = parser.add_argument_group("comparison with the model")
    checks.add_argument(
        "--eval-data",
        metavar="DATA",
        help="clips for the comparison of file and model (default: those of --representative, or random pixels)",
    )
    checks.add_argument("--eval-clips", type=int, default=128, help="maximum number of these clips")
    checks.add_argument(
        "--min-agreement",
        type=float,
        default=0.9,
        help="minimum share of clips for which file and model predict the same class",
    )
    checks.add_argument(
        "--max-accuracy-drop",
        type=float,
        metavar="SHARE",
        help="maximum difference between the top-1 of model and file, such as 0.01 (default: not checked)",
    )
    checks.add_argument(
        "--error-report",
        metavar="FILE",
        help="write the quantisation error of each layer of an integer file: a figure (.png, .svg, …) or .json",
    )
    checks.add_argument("--num-threads", type=int, default=1, help="threads of the timed runs")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.describe is None and (arguments.model is None or arguments.output is None):
        parser.error("RUN and --output are required, or --describe")
    if arguments.quantization in INTEGER and arguments.representative is None:
        parser.error(f"--quantization {arguments.quantization} needs --representative")
    if arguments.error_report and (arguments.quantization not in INTEGER or arguments.streaming):
        parser.error("--error-report is for --quantization int8 and int16x8, without --streaming")
    if arguments.average_over is not None and not arguments.streaming:
        parser.error("--average-over is for --streaming")
    if arguments.max_accuracy_drop is not None and not (arguments.eval_data or arguments.representative):
        parser.error("--max-accuracy-drop needs --eval-data or --representative")
    if arguments.output is not None and Path(arguments.output).suffix != ".tflite":
        parser.error(f"--output must end in .tflite. Received: --output {arguments.output}")
    for name in ("clips", "eval_clips", "clip_seconds"):
        value, option = getattr(arguments, name), name.replace("_", "-")
        if value is not None and not 0 < value < float("inf"):
            parser.error(f"--{option} must be positive. Received: --{option} {value}")
    with exit_on_errors(RuntimeError):
        if arguments.describe is not None:
            print(keras_action.litert.describe(arguments.describe))
            return
        failures = _convert(arguments)
    if failures:
        sys.exit("\n".join(f"error: {failure}" for failure in failures))


def _convert(arguments):
    """Converts the model, prints the reports, and returns the limits that are exceeded, a list of sentences."""
    litert = keras_action.litert
    opened = inputs.read_model(arguments.model, arguments)
    integer = arguments.quantization in INTEGER
    ranges = None
    if integer:
        clips = inputs.training_clips(opened, arguments.representative, arguments.seed)
        count = min(arguments.clips, inputs.MAX_SEQUENCES) if returns_sequences(opened.model) else arguments.clips
        ranges = list(itertools.islice(clips, count))
    data = arguments.eval_data or arguments.representative

    def clips():
        return inputs.evaluation_clips(opened, data, arguments.eval_clips, arguments.seed)

    evaluation = clips()  # before the conversion, so that errors in the data come first
    report = litert.convert(
        _model(arguments, opened),
        arguments.output,
        representative_clips=ranges,
        labels=opened.labels,
        clip_seconds=arguments.clip_seconds or opened.clip_seconds,
        metadata=_metadata(arguments, opened),
        **attributes(arguments, "quantization", "input_dtype", "output_dtype", "keep_float", "max_partitions"),
    )
    print(report)
    file = litert.LiteRTFile.read(report.path)
    verification = litert.verify(file, opened.model, evaluation)
    print(verification.error_table())
    print(f"latency           {litert.benchmark(file, num_threads=arguments.num_threads, runs=30)}")
    if arguments.error_report:
        _write_error_report(arguments.error_report, litert.quantization_error(file, opened.model, clips()))
    return verification.failures(
        min_agreement=None if data is None else arguments.min_agreement,  # random pixels have no class
        max_accuracy_drop=arguments.max_accuracy_drop,
    )


def _metadata(arguments, opened):
    values = {"name": opened.path.stem, "author": arguments.author, "description": arguments.description}
    if opened.recipe is not None:
        values |= {"backbone": opened.recipe.backbone, "recipe": opened.recipe.to_dict()}
    if opened.trained_on_streams is not None:
        values["trained_on_streams"] = opened.trained_on_streams
    return {**values, "source": opened.path.name}


def _write_error_report(path, report):
    print(report)
    if Path(path).suffix == ".json":
        write_json(path, report.to_dict())
    else:
        plots = keras_action.plots
        plots.save_figure(plots.quantization_error_figure(report), path)
    print(f"error report      {path}")


def _model(arguments, opened):
    """The Keras model to convert; of a model with `return_sequences` always the streaming model."""
    if not arguments.streaming and not returns_sequences(opened.model):
        return opened.model
    average_over = opened.num_segments if arguments.average_over == "T" else arguments.average_over
    return keras_action.streaming_model(opened.model, average_over=average_over)


def _number_or(word, value):
    """The type of an argument: a positive integer, or a word that stands for a value."""

    def parse(text):
        if text == word:
            return value
        if not text.isdecimal() or not int(text):
            raise argparse.ArgumentTypeError(f"expected a positive number, or {word}. Received: {text!r}")
        return int(text)

    return parse


if __name__ == "__main__":
    main()

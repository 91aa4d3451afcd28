"""Compare a LiteRT file with the model that it was converted from.

examples:
  keras-action verify gesture.tflite --model runs/mine --data videos/val.csv
  keras-action verify gesture.tflite --model runs/mine --data videos/val.csv --clips 100000 \\
      --max-accuracy-drop 0.01 --max-partitions 1 --json report.json
  keras-action verify gesture.tflite --model checkpoint.pth.tar --num-segments 8

It prints the error of the logits, the share of clips for which both predict the same class, the top-1 accuracy of both,
operators, ranks, XNNPACK's partitions, size and latency. Without --data the clips are random pixels. The exit status is
1 if a threshold is exceeded, and 2 if the file, the model or the clips can't be read or do not fit each other.
"""

import sys

import keras_action
from keras_action.programs.arguments import DATA_FORMS, exit_on_errors, print_or_write_json, program_parser
from keras_action.utils.fields import attributes

from . import inputs

# Arguments of `keras_action.litert.VerificationReport.failures`.
_LIMITS = ("max_error", "min_agreement", "max_accuracy_drop", "min_accuracy", "max_rank", "max_partitions")
_LIMITS += ("max_float_operators", "max_size_mb")


def make_parser():
    parser = program_parser("verify", __doc__)
    parser.add_argument("file", metavar="FILE", help="a .tflite file")
    parser.add_argument(
        "--model",
        required=True,
        metavar="RUN",
        help="the model: a training run's folder, a .keras file, or a PyTorch checkpoint",
    )
    parser.add_argument("--data", help=DATA_FORMS)
    parser.add_argument("--clips", type=int, default=128, help="maximum number of clips, spread evenly over DATA")
    inputs.add_model_arguments(parser)
    parser.add_argument("--num-threads", type=int, default=1, help="threads of the timed runs")
    parser.add_argument("--runs", type=int, default=30, help="number of timed runs; 0 for none")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON; - for standard output, alone")

    limits = parser.add_argument_group("thresholds", "checked only if given")
    limits.add_argument("--max-error", type=float, metavar="SHARE", help="of the logits, relative to their range")
    limits.add_argument("--min-agreement", type=float, metavar="SHARE", help="clips with the same class")
    limits.add_argument("--max-accuracy-drop", type=float, metavar="SHARE", help="top-1 of the model − of the file")
    limits.add_argument("--min-accuracy", type=float, metavar="SHARE", help="top-1 of the file")
    limits.add_argument("--max-rank", type=int, help="rank of a tensor")
    limits.add_argument("--max-partitions", type=int, help="XNNPACK's partitions; there must be at least one")
    limits.add_argument("--max-float-operators", type=int, help="0 for a file of integers alone")
    limits.add_argument("--max-size-mb", type=float, help="size of the file")
    limits.add_argument("--max-latency-ms", type=float, help="median latency of a clip")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.clips < 1 or arguments.runs < 0:
        parser.error(
            f"--clips must be positive, --runs 0 or more. Received: --clips {arguments.clips} --runs {arguments.runs}"
        )
    if arguments.max_latency_ms is not None and not arguments.runs:
        parser.error("--max-latency-ms needs --runs")
    if arguments.data is None and (arguments.min_accuracy, arguments.max_accuracy_drop) != (None, None):
        parser.error("--min-accuracy and --max-accuracy-drop need --data")
    with exit_on_errors(RuntimeError, status=2):
        failures = _verify(arguments)
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


def _verify(arguments):
    """Prints the report, and returns the limits that are exceeded, a list of sentences."""
    litert = keras_action.litert
    opened = inputs.read_model(arguments.model, arguments)
    clips = inputs.evaluation_clips(opened, arguments.data, arguments.clips, arguments.seed)
    file = litert.LiteRTFile.read(arguments.file)
    report = litert.verify(file, opened.model, clips)
    latency = None
    if arguments.runs:
        latency = litert.benchmark(file, num_threads=arguments.num_threads, runs=arguments.runs)
    failures = report.failures(**attributes(arguments, *_LIMITS))
    if arguments.max_latency_ms is not None and latency.median_ms > arguments.max_latency_ms:
        failures.append(f"latency is {latency.median_ms:.1f} ms, at most {arguments.max_latency_ms:g} ms are allowed")
    if arguments.json != "-":
        print(f"{report}\n" + (f"latency           {latency}" if latency else ""))
    if arguments.json is not None:
        document = {
            **attributes(arguments, "file", "model", "data"),
            **report.to_dict(),
            "latency": None if latency is None else vars(latency),
            "failures": failures,
        }
        print_or_write_json(arguments.json, document)
    return failures


if __name__ == "__main__":
    main()

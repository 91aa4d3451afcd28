"""Tune the event settings of a recogniser on videos with ground truth, and write them to a file.

examples:
  keras-action join --data videos/val.csv --output tune.mp4 --parts 4 --max-pause 3 --pauses background
  keras-action tune gesture.tflite --streams tune_*.mp4 --output events.json
  keras-action tune runs/mine --streams tune_*.mp4 --output events.json --max-false-alarms 0.5 \\
      --window-seconds 2.4 1.7,3.4 --cache cache
  keras-action tune causal.tflite --streams tune_*.mp4 --output events.json --firing early --matching end
  keras-action recognize gesture.tflite --video some.mp4 --settings events.json

The ground truth of each VIDEO is VIDEO.csv (label,start,end) beside it. The model runs once over each video; the search
uses only the logits. It maximises the detection rate with at most the allowed false alarms; with --matching end, only
reports in time detect a gesture. A picture shows the detection rate over the false alarms. With several videos each is
also evaluated with settings tuned on the others: the result to expect on new videos, unless they show training clips.
"""

import dataclasses
import sys
from pathlib import Path

import keras_action
from keras_action.programs.arguments import (
    add_firing_argument,
    add_ignore_argument,
    add_labels_argument,
    exit_on_errors,
    make_recognizer,
    parse_lengths,
    pictures_if_possible,
    program_parser,
)

from .streams import add_stream_arguments, read_streams


def make_parser():
    parser = program_parser("tune", __doc__)
    parser.add_argument("model", metavar="MODEL", help="a .tflite file, a run's folder or a .keras file")
    parser.add_argument(
        "--streams", nargs="+", required=True, metavar="VIDEO", help="videos with VIDEO.csv beside them"
    )
    parser.add_argument("--output", required=True, metavar="JSON", help="file to write")
    parser.add_argument(
        "--store", action="store_true", help="also store the settings in MODEL, a .tflite file, which then uses them"
    )
    parser.add_argument(
        "--curve", metavar="PICTURE", help="detection rate over false alarms (default: OUTPUT with .png)"
    )
    parser.add_argument("--max-false-alarms", type=float, default=1.0, help="maximum per minute (default: 1)")
    add_firing_argument(parser)
    parser.add_argument(
        "--window-seconds",
        nargs="+",
        type=parse_lengths,
        metavar="SECONDS[,SECONDS…]",
        help="windows to try, each of one length or of several that compete (default: the model's clips)",
    )
    add_labels_argument(parser)
    add_ignore_argument(parser)
    add_stream_arguments(parser)
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if arguments.store and Path(arguments.model).suffix != ".tflite":
        sys.exit(f"error: --store needs a .tflite file. Received: MODEL {arguments.model}")
    with exit_on_errors(RuntimeError):
        from keras_action.recognition.loading import store_settings

        settings, curves, chosen = _tune(arguments)
        settings.save(arguments.output)
        if arguments.store:
            store_settings(arguments.model, settings)
    picture = Path(arguments.curve) if arguments.curve else Path(arguments.output).with_suffix(".png")
    written = [arguments.output, *([arguments.model] if arguments.store else [])]
    with pictures_if_possible():
        plots = keras_action.plots
        figure = plots.operating_curve_figure(curves, chosen, max_false_alarms=arguments.max_false_alarms)
        plots.save_figure(figure, picture)
        written.append(str(picture))
    print(f"Written: {', '.join(written)}")


def _tune(arguments):
    """The settings, and for each choice of windows the operating curve and the tuned threshold, by its name."""
    from keras_action.recognition.matching import MATCHINGS
    from keras_action.recognition.tuning import score

    recognition, match = keras_action.recognition, MATCHINGS[arguments.matching]
    best, curves, chosen = None, {}, {}
    for window_seconds in arguments.window_seconds or [None]:
        recognizer = _recognizer_to_tune(arguments, window_seconds)
        name = _name(recognizer)
        print(f"Windows: {name}", flush=True)
        streams = read_streams(
            recognizer, arguments.model, arguments.streams, arguments.cache, lambda line: print(f"  {line}", flush=True)
        )
        limits = (recognizer.tuning_scale, arguments.max_false_alarms)
        settings = recognition.tune_events(streams, recognizer.settings, *limits, match)
        reports = {
            "before": recognition.evaluate_streams(streams, recognizer.settings, match),
            "tuned": recognition.evaluate_streams(streams, settings, match),
        }
        if len(streams) > 1:
            reports["on others"] = recognition.cross_validate(streams, recognizer.settings, *limits, match)
        for kind, report in reports.items():
            print(f"  {kind + ':':<11}{report.summary()}", flush=True)
        curves[name], chosen[name] = recognition.operating_curve(streams, settings, match=match), settings.on_threshold
        value = score(list(reports.values())[-1], arguments.max_false_alarms)
        if best is None or value > best[0]:
            best = (value, name, settings, reports["tuned"])
    _, name, settings, report = best
    print(f"\nChosen: {name}\n{report}\n")
    for field, value in settings.to_dict().items():
        print(f"{field:<17} {value}")
    return settings, curves, chosen


def _recognizer_to_tune(arguments, window_seconds):
    """The recogniser with these windows, and the initial settings."""
    recognizer = make_recognizer(arguments, window_seconds=window_seconds)
    changes = {}
    if arguments.firing is not None:
        changes["firing"] = arguments.firing
    if arguments.ignore is not None:
        changes["ignore"] = tuple(arguments.ignore)
    # The settings contain the windows only if they were given.
    if window_seconds is not None:
        changes["window_seconds"] = window_seconds
    if arguments.stride is not None:
        changes["stride"] = arguments.stride
    recognizer.settings = dataclasses.replace(recognizer.settings, **changes)
    return recognizer


def _name(recognizer):
    if recognizer.window_seconds is None:
        return "streaming model"
    return " + ".join(f"{length:g}" for length in recognizer.window_seconds) + " s"


if __name__ == "__main__":
    main()

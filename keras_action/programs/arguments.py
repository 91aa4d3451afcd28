"""Arguments that several programs take, and how programs end."""

import argparse
import contextlib
import json
import os
import sys

import keras_action
from keras_action.utils.fields import attributes
from keras_action.utils.files import write_json
from keras_action.utils.labels import read_labels

DATA_FORMS = (
    "annotation CSV (path,label[,start,end]), folder of classes, folder of shards, or NAME:SPLIT:ROOT, where NAME is "
    "jester, something_something or egogesture, and SPLIT train, validation or test"
)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Prints the description as it is, and the default of an option unless its help tells it."""

    def _get_help_string(self, action):
        is_value = isinstance(action.default, (int, float, str)) and not isinstance(action.default, bool)
        is_told = "default" in action.help or action.default == argparse.SUPPRESS
        return super()._get_help_string(action) if is_value and not is_told else action.help


def program_parser(name, description):
    """The parser of `keras-action NAME`. Help texts end with the default, where it is a number or a word."""
    return argparse.ArgumentParser(prog=f"keras-action {name}", description=description, formatter_class=_HelpFormatter)


@contextlib.contextmanager
def exit_on_errors(*others, status=1, interrupted=None):
    """A context for the work of a program, which ends it with a message, without a traceback, if its input is wrong.

    Args:
        *others: Exceptions to end with besides `ImportError`, `OSError`, `ValueError`, and those of this package;
            with `RuntimeError` also those of TensorFlow's operations.
        status: The exit status.
        interrupted: The message after Ctrl-C; `None` to raise `KeyboardInterrupt`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        yield
    except KeyboardInterrupt:
        if interrupted is None:
            raise
        sys.exit(interrupted)
    except Exception as error:
        package = type(error).__module__.partition(".")[0]
        is_known = package == "keras_action" or (package == "tensorflow" and RuntimeError in others)
        if not is_known and not isinstance(error, (ImportError, OSError, ValueError, *others)):
            raise
        if status == 1:
            sys.exit(f"error: {error}")
        print(f"error: {error}", file=sys.stderr)
        sys.exit(status)


def print_or_write_json(path, values):
    """Writes values to a JSON file, whole or not at all, or prints them if `path` is `-`."""
    if path == "-":
        print(json.dumps(values, indent=2, ensure_ascii=False))
    else:
        write_json(path, values)


@contextlib.contextmanager
def pictures_if_possible(what="picture"):
    """A context for drawing, which prints a line in place of pictures if Matplotlib is not installed."""
    try:
        yield
    except ImportError as error:
        print(f"No {what}: {error}")


def add_labels_argument(parser, default="the model's"):
    """Adds `--labels`, a file for `read_labels`; `default` describes the labels without it."""
    parser.add_argument("--labels", metavar="FILE", help=f"names of the classes, one a line (default: {default})")


def add_checkpoint_arguments(parser, labels_default="the model's"):
    """Adds `--labels`, `--num-segments` and `--kind`, for `load_model`."""
    add_labels_argument(parser, labels_default)
    parser.add_argument("--num-segments", type=int, metavar="T", help="frames of a clip, for a PyTorch checkpoint")
    parser.add_argument(
        "--kind",
        choices=("action_net", "tsm", "tsn", "tsm_online"),
        help="the model of a PyTorch checkpoint, if its keys do not determine it",
    )


def load_model(arguments, path):
    """The `keras_action.training.ModelFile` of a path, for the arguments of a program."""
    return keras_action.load_model(path, labels=labels_of(arguments), **attributes(arguments, "num_segments", "kind"))


def add_recipe_arguments(parser, default="small", default_text="small"):
    """Adds `--recipe` and `--set`, the arguments of `load_recipe`; `default_text` describes the default."""
    parser.add_argument(
        "--recipe",
        default=default,
        metavar="NAME[:FUNCTION]",
        help="few_clips, streams, small, modern, jester, something_something, egogesture, egogestar, drawing, demo, or "
        "the path of a Python file; after a colon one of its functions, as jester:reference_code or mine.py:large "
        f"(default: {default_text})",
    )
    add_set_argument(parser)


def add_set_argument(parser):
    """Adds `--set`, fields of a recipe."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="override fields of the recipe; keras_action.Recipe lists them",
    )


def add_strategy_argument(parser):
    """Adds `--strategy`, on which devices to train."""
    parser.add_argument(
        "--strategy",
        choices=("none", "mirrored", "data_parallel"),
        default="none",
        help="several devices: mirrored is all GPUs of this machine, with TensorFlow; data_parallel all devices of one "
        "or several hosts, with KERAS_BACKEND=jax; see docs/several_devices.md",
    )


def add_recognizer_arguments(parser):
    """Adds `--clip-seconds`, `--stride` and `--num-threads`, for `make_recognizer`."""
    parser.add_argument("--clip-seconds", type=float, help="length of the model's clips (default: as stored with it)")
    parser.add_argument(
        "--stride", type=float, help="seconds from one window to the next (default: the time step of a clip)"
    )
    parser.add_argument("--num-threads", type=int, default=1, help="threads of a LiteRT file")


def add_firing_argument(parser):
    """Adds `--firing`, a field of the event settings."""
    parser.add_argument(
        "--firing",
        choices=("late", "early"),
        help="report a gesture when it has ended, or as soon as it is certain (default: as the settings)",
    )


def add_ignore_argument(parser):
    """Adds `--ignore`, labels that are not gestures."""
    parser.add_argument(
        "--ignore", nargs="*", help="labels that are not gestures (default: none, no gesture, doing other things)"
    )


def add_settings_arguments(parser):
    """Adds `--settings` and `--window-seconds`, for `make_recognizer`."""
    parser.add_argument("--settings", metavar="JSON", help="event settings, as keras-action tune writes them")
    parser.add_argument(
        "--window-seconds",
        type=parse_lengths,
        metavar="SECONDS[,SECONDS…]",
        help="length of the windows, or several that compete (default: those of --settings, or the model's clips)",
    )


def add_matching_argument(parser):
    """Adds `--matching`, a name in `keras_action.recognition.matching.MATCHINGS`."""
    parser.add_argument(
        "--matching",
        choices=("overlap", "end"),
        default="overlap",
        help="an event detects a gesture of its label if they overlap in time (the default), or, with end, if it is "
        "reported between 30 %% of the gesture and one second after its end",
    )


def parse_lengths(text):
    """The lengths of windows that compete, from numbers of seconds separated by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected seconds separated by commas, like 1.7,3.4. Received: {text!r}"
        ) from error


def make_recognizer(arguments, **options):
    """The `keras_action.GestureRecognizer` for the arguments of a program, which `options` override."""
    names = ("clip_seconds", "stride", "settings", "window_seconds", "num_threads")
    given = attributes(arguments, *(name for name in names if name in arguments))
    return keras_action.GestureRecognizer(arguments.model, labels=labels_of(arguments), **{**given, **options})


def labels_of(arguments):
    """The names in the file of `--labels`; `None` without it."""
    return None if arguments.labels is None else read_labels(arguments.labels)

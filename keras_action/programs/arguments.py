"""What the programs' arguments have in common."""

import argparse

DATA_FORMS = (
    "annotation CSV (path,label[,start,end]), folder of classes, folder of shards, or NAME:SPLIT:ROOT, where NAME is "
    "jester, something_something or egogesture, and SPLIT train, validation or test"
)


def add_recipe_arguments(parser):
    """Adds `--recipe` and `--set`, the arguments of `load_recipe`."""
    parser.add_argument(
        "--recipe",
        default="small",
        metavar="NAME[:FUNCTION]",
        help="small (the default), modern, jester, something_something, egogesture, egogestar, drawing, demo, or the "
        "path of a Python file; after a colon one of its functions, as jester:reference_code or mine.py:large",
    )
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
        "or several hosts, with KERAS_BACKEND=jax; see docs/several_devices.md (default: none)",
    )


def add_windows_argument(parser):
    """Adds `--windows`, what a recogniser looks at."""
    parser.add_argument(
        "--windows",
        type=parse_lengths,
        metavar="SECONDS[,SECONDS…]",
        help="length of the windows, or several that compete (default: those of --settings, or the model's clips)",
    )


def parse_lengths(text):
    """The lengths of windows that a recogniser looks at together, from seconds with commas between."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected seconds with commas between, like 1.7,3.4; received {text!r}"
        ) from error


def read_labels(path):
    """The names in a text file, as `keras_action.utils.labels.read_labels` reads them; `None` for `None`."""
    from keras_action.utils import labels

    return None if path is None else list(labels.read_labels(path))

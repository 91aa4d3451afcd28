"""The parser of benchmarks, and arguments that several of them have."""

import argparse

from training.methods import METHODS


def benchmark_parser(name, description):
    """The parser of `python -m benchmarks.NAME`. The description is printed as it is."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_backbones(parser):
    """Adds `--backbones`, of any names."""
    parser.add_argument(
        "--backbones", nargs="+", default=["mobilenet_v2", "resnet50", "bn_inception"], metavar="NAME",
        help="names of backbones (default: the paper's three)",
    )  # fmt: skip


def add_methods(parser, default=("TSN", "TSM", "ACTION"), always=""):
    """Adds `--methods`, some of `training.methods.METHODS`; `always` tells which is there in any case."""
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(default), metavar="NAME",
        help=f"of {', '.join(METHODS)}{always} (default: {' '.join(default)})",
    )  # fmt: skip


def check_rounds_and_threads(parser, arguments):
    """Ends the program with an error if `--rounds` or one of `--threads` is below 1."""
    if arguments.rounds < 1 or min(arguments.threads) < 1:
        parser.error(
            "--rounds and --threads must be at least 1. "
            f"Received: --rounds {arguments.rounds}, --threads {arguments.threads}"
        )


def add_num_segments(parser):
    """Adds `--num-segments`, of one clip."""
    parser.add_argument("--num-segments", type=int, default=8, metavar="T", help="frames of a clip (default: 8)")


def add_input_size(parser, default=224):
    """Adds `--input-size`."""
    parser.add_argument(
        "--input-size", type=int, default=default, metavar="SIZE", help=f"pixels a side (default: {default})"
    )


def add_cpu_time(parser):
    """Adds `--cpu-time`."""
    parser.add_argument(
        "--cpu-time", action="store_true",
        help="count the processor time that a process used instead of what the clock says: for one thread on a busy "
        "machine",
    )  # fmt: skip


def add_files(parser):
    """Adds `--files`."""
    parser.add_argument(
        "--files", metavar="FOLDER", help="keep the files there; those that are there are not made again"
    )

"""The command `keras-action NAME ARGUMENTS`."""

import importlib
import sys

from keras_action.utils.fields import did_you_mean
from keras_action.version import __version__

# Task → name of a program → (module, description). A new program is a line here.
PROGRAMS = {
    "Your own gestures": {"studio": ("export.studio", "record, train and try gestures in one page")},
    "Prepare data": {
        "prepare": ("training.prepare", "write videos as shards of JPEG frames, which are fast to read"),
        "synthesize": ("training.synthesize", "write a dataset of synthetic gesture videos"),
        "join": ("training.join", "join clips into long videos with known gestures"),
    },
    "Train and evaluate": {
        "train": ("training.train", "train a recipe on annotated videos"),
        "evaluate": ("training.evaluate", "measure a model on clips or on whole videos"),
        "visualize": ("training.visualize", "draw activation maps over the frames of a video"),
        "pretrain": ("training.pretrain", "make motion weights on synthetic videos, to start from"),
        "experiments": ("training.experiments", "repeat the comparisons of the paper with several seeds"),
        "tables": ("training.tables", "count parameters and multiply-adds of the models"),
    },
    "Deploy": {
        "convert": ("export.convert", "convert a model to a LiteRT file and check it"),
        "verify": ("export.verify", "compare a LiteRT file with its model; exit status for CI"),
    },
    "Recognise gestures": {
        "recognize": ("export.recognize", "report the gestures of a video, a camera or a network stream"),
        "serve": ("export.web", "serve a web page that recognises gestures in the browser"),
        "tune": ("training.tune", "find the event settings of a recogniser on annotated streams"),
    },
    "Try it": {"demo": ("training.demo", "all steps on synthetic videos, in minutes")},
}


def program_module(name):
    """The module of a program, which has `make_parser()` and `main(argv)`.

    Raises:
        ValueError: If there is no program of this name.
    """
    modules = {program: module for group in PROGRAMS.values() for program, (module, _) in group.items()}
    if name not in modules:
        raise ValueError(
            f"Unknown program.{did_you_mean(name, modules)} Programs: {', '.join(modules)}. Received: {name}"
        )
    return importlib.import_module(f"{__package__}.{modules[name]}")


def help_text():
    """The programs by task, a line each."""
    width = max(len(name) for group in PROGRAMS.values() for name in group)
    lines = [
        "usage: keras-action [--help] [--version] PROGRAM ...",
        "",
        "Video gesture and action recognition for Keras.",
    ]
    for title, group in PROGRAMS.items():
        lines += ["", f"{title}:", *(f"  {name:<{width}}  {text}" for name, (_, text) in group.items())]
    return "\n".join([*lines, "", "keras-action PROGRAM --help shows the options and examples of a program."])


def main(argv=None):
    """Runs the program named by the first argument with the others."""
    name, *arguments = (sys.argv[1:] if argv is None else list(argv)) or [None]
    if name in ("-h", "--help"):
        print(help_text())
    elif name == "--version":
        print(f"keras_action {__version__}")
    elif name is None:
        print(help_text(), file=sys.stderr)
        sys.exit(2)
    else:
        try:
            module = program_module(name)
        except ValueError as error:
            print(f"keras-action: error: {error}", file=sys.stderr)
            sys.exit(2)
        module.main(arguments)


if __name__ == "__main__":
    main()

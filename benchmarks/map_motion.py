"""Measure whether models look where things move: the correlation of class activation maps with the change of frames.

examples:
  python -m benchmarks.map_motion TSN=runs/tsn TSM=runs/tsm ACTION=runs/action --data videos/val.csv
  python -m benchmarks.map_motion ACTION=runs/action --data videos/val.csv --layer 16 --classes swipe_left swipe_right

The map is that of the clip's true class: CAM, or Grad-CAM with --layer, with what speaks against the class counted as
negative. Motion at a place is the mean change of grey from the frame before and to the frame after. Each clip gives
three correlations: over all places and frames; over time, of each frame's means; and over the places within a frame,
the mean over the frames. Printed are means over the clips with 95 % intervals by bootstrap. A camera that moves, moves
everything: its motion counts too.
"""

import os
import sys

import numpy as np

from benchmarks.arguments import benchmark_parser
from keras_action.programs.arguments import DATA_FORMS
from training.visualize import layer_argument, named_models

COLUMNS = ("all", "over time", "within frames")


def make_parser():
    parser = benchmark_parser("map_motion", __doc__)
    parser.add_argument("models", nargs="+", metavar="[NAME=]CHECKPOINT", help="runs' folders or .keras files")
    parser.add_argument("--data", required=True, help=DATA_FORMS)
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="clips of these alone (default: all)")
    parser.add_argument(
        "--layer", type=layer_argument, metavar="LAYER", help="for Grad-CAM: a name or stride (default: CAM)"
    )
    parser.add_argument(
        "--input-size", type=int, metavar="PIXELS", help="height and width of the frames (default: the models')"
    )
    return parser


def motion_maps(frames, size):
    """The change of grey around each frame, `(T, H, W, 3)` → `(T, h, w)`, averaged over the pixels of each place."""
    grey = np.asarray(frames, "float64") @ np.array([0.299, 0.587, 0.114])
    change = np.abs(np.diff(grey, axis=0))
    change = (np.concatenate([change[:1], change]) + np.concatenate([change, change[-1:]])) / 2
    for axis, places in ((1, size[0]), (2, size[1])):
        parts = np.array_split(change, places, axis=axis)
        change = np.stack([part.mean(axis=axis) for part in parts], axis=axis)
    return change


def correlations(maps, motion):
    """Of one clip, both `(T, h, w)`: over all, over time, within frames; NaN where one of the two is constant."""
    within = [_correlation(a, b) for a, b in zip(maps, motion, strict=True)]
    known = [value for value in within if np.isfinite(value)]
    return (
        _correlation(maps, motion),
        _correlation(maps.mean(axis=(1, 2)), motion.mean(axis=(1, 2))),
        float(np.mean(known)) if known else np.nan,
    )


def _correlation(a, b):
    a, b = a.ravel() - a.mean(), b.ravel() - b.mean()
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / scale) if scale > 1e-12 else np.nan


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras_action
    from keras_action.data import DecodingError, read_data_set
    from keras_action.explain.visualization import at_size

    try:
        models = {name: keras_action.load_model(path) for name, path in named_models(arguments.models)}
        if arguments.input_size:
            models = {name: at_size(model, arguments.input_size) for name, model in models.items()}
        print(f"| | clips | {' | '.join(COLUMNS)} |\n| --- | ---: |{' ---: |' * len(COLUMNS)}")
        for name, model in models.items():
            annotations = read_data_set(arguments.data, labels=model.labels, allow_empty_classes=True)
            clips = [clip for clip in annotations.clips if clip.label in (arguments.classes or annotations.labels)]
            if not clips:
                raise ValueError(f"There are no such clips. Received: classes={arguments.classes}")
            rows = [_of_clip(model, clip, arguments.layer) for clip in clips]
            print(
                f"| {name} | {len(rows)} | {' | '.join(map(_mean_and_interval, zip(*rows, strict=True)))} |", flush=True
            )
    except (DecodingError, ImportError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def _of_clip(model, clip, layer):
    import keras_action
    from keras_action.explain.visualization import read_as_evaluated

    inputs = read_as_evaluated(clip, model)
    class_id = model.labels.index(clip.label)
    if layer is None:
        maps = keras_action.class_activation_maps(model.model, inputs, class_id)[0]
    else:
        maps = keras_action.grad_cam(model.model, inputs, layer, class_id, relu=False)[0]
    return correlations(maps, motion_maps(inputs[0], maps.shape[1:]))


def _mean_and_interval(values):
    values = np.array([value for value in values if np.isfinite(value)])
    if not len(values):
        return "–"
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{values.mean():+.2f} ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    main()

"""Show where models look in a video: class activation maps, Grad-CAM, or the masks of the ACTION modules.

examples:
  keras-action visualize runs/mine swipe.mp4
  keras-action visualize TSN=runs/tsn TSM=runs/tsm ACTION=runs/action swipe.mp4 --output cam.png --columns 6
  keras-action visualize runs/mine swipe.mp4 --method grad-cam --layer 8 block_12_add --output grad_cam.png
  keras-action visualize runs/mine swipe.mp4 --method masks --layer 8 --output masks.png
  keras-action visualize TSN=runs/tsn ACTION=runs/action swipe.mp4 --output swipe.gif

The clip is that of `keras-action evaluate`. The maps are drawn over its T frames, in a row for each model; each row has
its own scale, with a white line at half of it. CAM is the exact contribution of each position of the last map to the
logit of the class. Grad-CAM is for any layer and any head. The masks of an ACTION module are maps (STE) or strips of
channels over time (CE, ME).
"""

import os

import keras_action
from keras_action.programs.arguments import add_checkpoint_arguments, exit_on_errors, load_model, program_parser
from keras_action.utils.fields import attributes

METHODS = ("cam", "grad-cam", "masks")


def make_parser():
    parser = program_parser("visualize", __doc__)
    parser.add_argument(
        "models",
        nargs="+",
        metavar="[NAME=]CHECKPOINT",
        help="a run's folder, a .keras file or a PyTorch checkpoint; NAME is for its row (default: the file's name)",
    )
    parser.add_argument("video", metavar="VIDEO", help="a video, or a folder of frames")
    parser.add_argument("--method", choices=METHODS, default="cam", help="default: cam")
    parser.add_argument(
        "--layer",
        nargs="+",
        type=layer_argument,
        default=[None],
        metavar="LAYER",
        help="for grad-cam and masks: names of layers, or factors by which their maps are smaller than the frames "
        "(default: the last one)",
    )
    parser.add_argument("--label", metavar="CLASS", help="the true class, for the titles (default: the file's name)")
    parser.add_argument(
        "--class", dest="class_name", metavar="CLASS", help="the class to explain (default: the predicted class)"
    )
    parser.add_argument("--input-size", type=int, metavar="PIXELS", help="height and width of the frames: larger ones "
        "have finer maps, of models with the same weights (default: the models')",
    )  # fmt: skip
    parser.add_argument("--start", type=float, metavar="SECONDS", help="start of the gesture in the video")
    parser.add_argument("--end", type=float, metavar="SECONDS", help="end of the gesture")
    parser.add_argument("--columns", type=int, metavar="N", help="frames in a picture, spread evenly (default: all)")
    parser.add_argument("--dpi", type=int, default=144, metavar="N", help="dots an inch of a picture")
    parser.add_argument(
        "--output",
        default="activation.png",
        metavar="FILE",
        help=".png, .svg or .pdf; or, in motion, .gif, .webp or .mp4",
    )
    add_checkpoint_arguments(parser, labels_default="the models'")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    with exit_on_errors():
        models = {name: load_model(arguments, path) for name, path in named_models(arguments.models)}
        options = attributes(arguments, "class_name", "label", "start", "end", "input_size")
        activations = keras_action.visualize(
            models, arguments.video, arguments.method, layers=arguments.layer, **options
        )
        activations.save(arguments.output, arguments.columns, arguments.dpi)
    for title, values in activations.maps.items():
        print(f"{title}: {values.min():.3g} to {values.max():.3g}")
    print(f"Written: {arguments.output}")


def named_models(texts):
    """Pairs of name and path of `[NAME=]CHECKPOINT`; raises a `ValueError` if names are not unique."""
    pairs = []
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or os.path.exists(text):
            name, path = os.path.basename(os.path.normpath(text)), text
        if name in dict(pairs):
            raise ValueError(f"The models must have different names: NAME=CHECKPOINT. Received: {name} twice")
        pairs.append((name, path))
    return pairs


def layer_argument(text):
    """A layer's name, or a whole number."""
    return int(text) if text.isdecimal() else text


if __name__ == "__main__":
    main()

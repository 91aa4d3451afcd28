"""Write a dataset of synthetic gesture videos, for tests and pretraining.

examples:
  keras-action synthesize --output gestures
  keras-action synthesize --labels swipe_left swipe_right none --clips-per-class 40 --output swipes
  keras-action synthesize --kind drawing --clips-per-class 140 --size 88 116 --output drawings
  keras-action synthesize --kind drawing --performers person --clips-per-class 22 --output persons
  keras-action synthesize --kind path --num-paths 60 --clips-per-class 28 --size 88 116 --output paths

The kind "hand" has eight gestures of a hand, in pairs of which one is the other played backwards, and none; "drawing"
has swipes and shapes that a finger draws in the air, as in first-person videos; "path" has random paths of this finger,
none of them similar to such a shape. With --performers a person who faces the camera draws them. OUTPUT gets train.csv,
val.csv and the videos.
"""

import sys

import keras_action
from keras_action.programs.arguments import exit_on_errors, program_parser
from keras_action.utils.fields import attributes

# Arguments of `keras_action.data.write_synthetic_dataset`.
_OPTIONS = ("clips_per_class", "seed", "fps", "val_share", "workers", "kind", "labels", "num_paths", "performers")


def make_parser():
    parser = program_parser("synthesize", __doc__)
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--kind", choices=("hand", "drawing", "path"), default="hand", help="default: hand")
    parser.add_argument(
        "--num-paths", type=int, default=60, metavar="N", help='number of paths of "path" (default: 60)'
    )
    parser.add_argument(
        "--performers",
        nargs="+",
        choices=("finger", "person"),
        default=["finger"],
        metavar="WHO",
        help='who draws, in turn, in "drawing" and "path": finger, person (default: finger)',
    )
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="some of the classes of the kind (default: all)")
    parser.add_argument("--clips-per-class", type=int, default=64, metavar="N", help="default: 64")
    parser.add_argument("--val-share", type=float, default=0.25, metavar="SHARE", help="share of val.csv")
    parser.add_argument("--frames", type=int, default=24, metavar="N", help="frames of a clip")
    parser.add_argument("--size", type=int, nargs=2, default=(120, 160), metavar=("H", "W"), help="default: 120 160")
    parser.add_argument("--fps", type=float, default=12, help="frames a second")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same videos")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core)")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)

    def progress(done, total):
        if sys.stdout.isatty() or done == total:
            print(f"\r{done} of {total} videos", end="" if done < total else "\n", flush=True)

    with exit_on_errors(interrupted="Interrupted: nothing was written."):
        paths = keras_action.data.write_synthetic_dataset(
            arguments.output,
            num_frames=arguments.frames,
            size=tuple(arguments.size),
            progress=progress,
            **attributes(arguments, *_OPTIONS),
        )
    print("Written: " + ", ".join(map(str, paths)))


if __name__ == "__main__":
    main()

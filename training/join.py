"""Join labelled clips into one long video with the truth beside it, to try a recogniser on.

examples:
  python -m training.join --data videos/val.csv --output joined.mp4
  python -m export.recognize gesture.tflite --video joined.mp4 --truth joined.mp4.csv
"""

import argparse
import os
import sys

from training.arguments import DATA_FORMS


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m training.join", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help=DATA_FORMS)
    parser.add_argument("--output", required=True, help="the video to write; the truth goes to OUTPUT.csv")
    parser.add_argument("--fps", type=float, default=15, help="frames a second (default: 15)")
    parser.add_argument("--folder-fps", type=float, help="frames a second of frame folders that do not say it")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the clips (default: 0)")
    parser.add_argument("--ignore", nargs="*", default=["none"], help="labels that mean nothing (default: none)")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action import data

    try:
        annotations = data.read_data_set(arguments.data)
        truth = data.join_clips(
            annotations,
            arguments.output,
            seed=arguments.seed,
            fps=arguments.fps,
            folder_fps=arguments.folder_fps,
            ignore=tuple(arguments.ignore),
        )
    except (data.AnnotationError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"{len(annotations)} clips, {len(truth)} of them gestures: {arguments.output}, {arguments.output}.csv")


if __name__ == "__main__":
    main()

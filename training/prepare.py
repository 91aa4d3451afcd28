"""Write a data set as shards, so that training decodes no videos; the same command resumes after an interruption.

examples:
  keras-action prepare --data videos.csv --output shards/videos
  keras-action prepare --data folder_of_class_folders --split 0.8,0.2 --output shards/mine
  keras-action prepare --data something_something:train:/data/something --output shards/something/train
  keras-action prepare --data train.csv --output shards/train --beam --runner=FlinkRunner --parallelism=64

The output folder gets the shards (TFRecord files of JPEG frames, with an index for each) and manifest.json. --train,
--val and --data of the other programs take it. With --split it gets a folder for each part: train and val, or train,
val and test.
"""

import argparse
from pathlib import Path

import keras_action
from keras_action.programs.arguments import DATA_FORMS, exit_on_errors, program_parser
from keras_action.utils.fields import attributes

_PARTS = ("train", "val", "test")
# Arguments of `keras_action.data.write_shards`.
_OPTIONS = ("short_side", "quality", "clips_per_shard", "seed")
_OPTIONS += ("workers", "beam", "max_failed_share", "retry_failures")


def make_parser():
    parser = program_parser("prepare", __doc__)
    parser.add_argument("--data", required=True, help=DATA_FORMS)
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument(
        "--short-side",
        type=int,
        default=256,
        metavar="N",
        help="shorter side to which larger frames are scaled, in pixels",
    )
    parser.add_argument("--quality", type=int, default=90, metavar="N", help="quality of the JPEGs, 1 to 100")
    parser.add_argument(
        "--clips-per-shard", type=int, metavar="N", help="default: 256, or fewer if there would be fewer than 16 shards"
    )
    parser.add_argument(
        "--split", type=_shares, metavar="A,B[,C]", help="shares of training, validation and test, such as 0.8,0.2"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the order and the split")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--allow-empty-classes", action="store_true", help="allow classes without clips")
    parser.add_argument(
        "--max-failed-share",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="stop if a larger share of the clips can't be read",
    )
    parser.add_argument(
        "--retry-failures",
        action="store_true",
        help="rewrite shards in which clips are missing, for example after a disk failure",
    )
    parser.add_argument(
        "--beam",
        nargs=argparse.REMAINDER,
        metavar="OPTION",
        help="run on several machines, as an Apache Beam pipeline; all further arguments are its options",
    )
    return parser


def _shares(text):
    try:
        shares = tuple(float(share) for share in text.split(","))
        if 2 <= len(shares) <= len(_PARTS):
            return shares
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected two or three numbers separated by commas. Received: {text}")


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    output = Path(arguments.output)
    with exit_on_errors(RuntimeError, interrupted=f"Interrupted. The same command resumes in {output}."):
        data = keras_action.data
        annotations = data.read_data_set(arguments.data, allow_empty_classes=arguments.allow_empty_classes)
        sets = {output: annotations}
        if arguments.split:
            parts = data.split_annotations(annotations, arguments.split, seed=arguments.seed)
            sets = {output / name: part for name, part in zip(_PARTS, parts, strict=False)}
        for folder, part in sets.items():
            try:
                print(data.write_shards(part, folder, **attributes(arguments, *_OPTIONS)))
            except data.TooManyFailuresError as error:
                raise data.TooManyFailuresError(
                    f"{error}\nFinished shards are kept. To leave out these clips, raise --max-failed-share; to read "
                    "them again, add --retry-failures."
                ) from error


if __name__ == "__main__":
    main()

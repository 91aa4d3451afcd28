"""Join labelled clips into long videos with ground truth, to test, tune and train recognisers.

examples:
  keras-action join --data videos/val.csv --output joined.mp4
  keras-action recognize gesture.tflite --video joined.mp4 --truth joined.mp4.csv
  keras-action join --data videos/train.csv --output tune.mp4 --parts 4 --max-pause 3 --pauses background
  keras-action join --data videos/train.csv --output train.mp4 --max-pause 3 --pauses background \\
      --windows windows.csv --window-seconds 1.2 1.7 2.4 3.4 4.8

--windows writes an annotation CSV of sliding windows over the videos, for training: gestures, parts of gestures with
their surroundings, and background.
"""

import os
from pathlib import Path

import keras_action
from keras_action.programs.arguments import DATA_FORMS, add_ignore_argument, exit_on_errors, program_parser
from keras_action.utils.fields import attributes
from keras_action.utils.files import write_csv
from keras_action.utils.intervals import IGNORED_LABELS


def make_parser():
    parser = program_parser("join", __doc__)
    parser.add_argument("--data", required=True, help=DATA_FORMS)
    parser.add_argument("--output", required=True, help="the video to write; its ground truth is written to OUTPUT.csv")
    parser.add_argument("--parts", type=int, default=1, help="divide the clips among several videos, OUTPUT_0, …")
    parser.add_argument("--fps", type=float, default=15, help="frames a second")
    parser.add_argument("--folder-fps", type=float, help="frames a second of frame folders whose rate is not known")
    parser.add_argument("--seed", type=int, default=0, help="seed of the order of the clips")
    add_ignore_argument(parser)
    parser.add_argument("--min-pause", type=float, default=0, help="minimum seconds between clips")
    parser.add_argument("--max-pause", type=float, default=0, help="maximum seconds between clips")
    parser.add_argument(
        "--pauses",
        choices=("hold", "background"),
        default="hold",
        help="content of the pauses: hold repeats the frames before and after (the default); background shows clips "
        "with labels that are not gestures",
    )
    windows = parser.add_argument_group("windows for training")
    windows.add_argument("--windows", metavar="CSV", help="write an annotation CSV of windows over the videos")
    windows.add_argument("--window-seconds", type=float, nargs="+", help="lengths of the windows")
    windows.add_argument("--windows-per-gesture", type=int, default=2, help="maximum of each length")
    windows.add_argument(
        "--background-share", type=float, default=0.3, help="maximum share of windows without a gesture"
    )
    windows.add_argument("--background", default="none", help="label of windows without a gesture")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if bool(arguments.windows) != bool(arguments.window_seconds):
        parser.error("--windows and --window-seconds belong together")
    output = Path(arguments.output)
    ignore = IGNORED_LABELS if arguments.ignore is None else tuple(arguments.ignore)
    options = attributes(arguments, "fps", "folder_fps", "min_pause", "max_pause", "pauses")
    rows = []
    with exit_on_errors():
        data = keras_action.data
        parts = data.stratified_parts(data.read_data_set(arguments.data), arguments.parts, arguments.seed)
        for number, annotations in enumerate(parts):
            video = output if len(parts) == 1 else output.with_name(f"{output.stem}_{number}{output.suffix}")
            truth = data.join_clips(annotations, video, seed=arguments.seed + number, ignore=ignore, **options)
            seconds = data.video_info(video).duration
            print(f"{len(annotations)} clips, {len(truth)} of them gestures, {seconds:.1f} s: {video}, {video}.csv")
            if arguments.windows:
                rows += _window_rows(arguments, video, truth, seconds, arguments.seed + number)
    if arguments.windows:
        write_csv(arguments.windows, ("path", "label", "start", "end"), rows)
        print(f"{len(rows)} windows: {arguments.windows}")


def _window_rows(arguments, video, truth, seconds, seed):
    path = os.path.relpath(video, Path(arguments.windows).parent)  # paths are relative to the CSV
    options = attributes(arguments, "windows_per_gesture", "background_share", "background")
    windows = keras_action.data.sample_windows(truth, seconds, arguments.window_seconds, seed=seed, **options)
    return [(path, window.label, round(window.start, 3), round(window.end, 3)) for window in windows]


if __name__ == "__main__":
    main()

"""Arguments and inputs of programs for videos with ground truth."""

import time
from pathlib import Path

import keras_action
from keras_action.programs.arguments import add_matching_argument, add_recognizer_arguments
from keras_action.utils.intervals import intervals_path, is_ignored, read_intervals


def add_stream_arguments(parser):
    add_recognizer_arguments(parser)
    add_matching_argument(parser)
    parser.add_argument("--cache", metavar="FOLDER", help="store the logits of each video in a folder, and reuse them")


def read_streams(recognizer, model, videos, cache=None, say=print):
    """The logits of a model over videos, and the intervals in `<video>.csv` beside each video.

    Args:
        recognizer: A `GestureRecognizer`.
        model: Path of its model.
        videos: Paths of videos.
        cache: A folder, or `None`; see `keras_action.recognition.cached_logits`.
        say: Function that prints a line for each video.

    Returns:
        A list of pairs of a `LogitSequence` and a tuple of `Interval`.

    Raises:
        OSError: If a video or its CSV can't be read.
        ValueError: If it is not such a CSV, or a label is not one of the model.
    """
    truths = []
    for video in videos:  # before the model is run, which may take minutes
        truth = read_intervals(intervals_path(video))
        labels = {item.label for item in truth if not is_ignored(item.label, recognizer.settings.ignore)}
        if unknown := sorted(labels - set(recognizer.labels)):
            raise ValueError(f"{intervals_path(video)}: labels that the model does not have: {unknown}")
        truths.append(truth)
    streams = []
    for video, truth in zip(videos, truths, strict=True):
        start = time.perf_counter()
        sequence = keras_action.recognition.cached_logits(recognizer, model, video, cache)
        seconds = time.perf_counter() - start
        say(f"{Path(video).name}: {sequence.duration:.0f} s, {len(truth)} gestures; processed in {seconds:.0f} s")
        streams.append((sequence, truth))
    return streams

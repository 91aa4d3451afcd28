"""What the programs that look at streams have in common: their arguments, and the model's logits over each stream."""

import time
from pathlib import Path


def add_stream_arguments(parser):
    parser.add_argument("--clip-seconds", type=float, help="length of the model's clips (default: as stored with it)")
    parser.add_argument(
        "--cache", metavar="FOLDER", help="keep the model's logits of each stream there, and take them from there"
    )
    parser.add_argument("--num-threads", type=int, default=1, help="threads of a LiteRT file (default: 1)")


def read_streams(recognizer, model, videos, cache=None, say=print):
    """The logits of a model over videos, and their truth, which lies beside each as `<video>.csv`.

    Args:
        recognizer: A `GestureRecognizer`.
        model: The path of its model.
        videos: Paths of videos.
        cache: A folder, or `None`; see `keras_action.recognition.cached_logits`.
        say: What is called with a line for each video.

    Returns:
        A list of pairs of a `LogitSequence` and a tuple of `Interval`.

    Raises:
        OSError: If a video or its truth can't be read.
        ValueError: If the truth is no such CSV, or names a gesture that the model does not know.
    """
    from keras_action.recognition import cached_logits, read_intervals
    from keras_action.utils.intervals import is_ignored, truth_path

    truths = []
    for video in videos:  # all of them before the first, which may take minutes
        truth = read_intervals(truth_path(video))
        unknown = sorted(
            {
                segment.label
                for segment in truth
                if segment.label not in recognizer.labels and not is_ignored(segment.label, recognizer.settings.ignore)
            }
        )
        if unknown:
            raise ValueError(f"{truth_path(video)}: gestures that the model does not know: {unknown}")
        truths.append(truth)
    streams = []
    for video, truth in zip(videos, truths, strict=True):
        start = time.perf_counter()
        track = cached_logits(recognizer, model, video, cache)
        taken = time.perf_counter() - start
        say(f"{Path(video).name}: {track.duration:.0f} s, {len(truth)} gestures; took {taken:.0f} s")
        streams.append((track, truth))
    return streams

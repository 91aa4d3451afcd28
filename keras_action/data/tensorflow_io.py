"""Decoding by TensorFlow I/O, where it can be had: with TensorFlow 2.17 or older, and the libraries of FFmpeg 4.

TensorFlow I/O gives the frames that it could decode, all of them and at full size. When they are shown, how many there
should be and how the picture is turned it does not say, nor that a file is damaged. So PyAV reads the container for it.
"""

import ctypes
import functools
import importlib.metadata
import importlib.util
import os
import warnings

import numpy as np

from keras_action.data import decoding
from keras_action.data.decoding import DecodingError

# Each needs those before it. TensorFlow I/O would take FFmpeg 3.4 and 2.8 too, but then one frame was seen in place of
# all (github.com/tensorflow/io, issue 1471).
_FFMPEG = ("libavutil.so.56", "libswscale.so.5", "libavcodec.so.58", "libavformat.so.58")


def read_frames_by_tensorflow_io(path, indices=None, start=None, end=None, short_side=None):
    """Decodes some frames of a video by TensorFlow I/O; the same as `read_frames`, which see for the arguments.

    All frames are decoded at full size, also those that were not chosen: a long video takes time and memory.
    Colours differ by a little from PyAV's, as another FFmpeg converts and scales them. A truncated file is
    an error as with PyAV; of damage inside a frame less is noticed, as FFmpeg's word on it gets lost.

    Returns:
        A uint8 array of shape (len(indices), height, width, 3), RGB, rotation tags applied.

    Raises:
        DecodingError: If the file is missing, empty, truncated, has no video, ends before `end`, or not all of
            its frames can be decoded.
        ImportError: If TensorFlow I/O, what it needs, or PyAV is not there; see `load_tensorflow_io`.
    """
    import tensorflow as tf

    decode_video = load_tensorflow_io()
    timeline = decoding._timeline(path)
    indices = decoding._chosen(path, timeline, indices, start, end)
    with decoding._open(path) as (container, stream):
        track = [other.index for other in container.streams.video].index(stream.index)
    turns = decoding._quarter_turns(decoding._first_frame(path))
    with tf.device("CPU:0"):
        try:
            frames = decode_video(tf.io.read_file(os.fspath(path)), track)
        except tf.errors.OpError as error:
            raise DecodingError(f"{path}: TensorFlow I/O can't decode it: {error.message}") from error
        if len(frames) != len(timeline.times):
            raise DecodingError(
                f"{path}: damaged, TensorFlow I/O can decode {len(frames)} of {len(timeline.times)} frames"
            )
        height, width = frames.shape[1:3]
        frames = tf.gather(frames, indices)
        if short_side is not None and min(height, width) > short_side:
            scale = short_side / min(height, width)
            frames = tf.image.resize(frames, (round(height * scale), round(width * scale)), method="area")
            frames = tf.cast(tf.round(frames), tf.uint8)
        return np.ascontiguousarray(np.rot90(frames.numpy(), turns, axes=(1, 2)))


@functools.cache
def load_tensorflow_io():
    """The operator with which TensorFlow I/O decodes videos.

    Returns:
        A function from the content of a file and the number of a video stream in it to all frames.

    Raises:
        ImportError: If it can't be loaded; the message says all that is missing.
    """
    import tensorflow as tf

    spec = importlib.util.find_spec("tensorflow_io")
    if spec is None:
        raise ImportError(
            "decoder='tensorflow-io' needs the package tensorflow-io. Install it beside TensorFlow 2.17 or older, on "
            "Python 3.12 or older, with: pip install tensorflow-io==0.37.1"
        )
    decoding._import_av()
    version = importlib.metadata.version("tensorflow-io")
    missing = []
    try:
        # Not the operators for video, but what all of it needs: it loads or not whatever FFmpeg is there.
        tf.load_op_library(os.path.join(os.path.dirname(spec.origin), "python", "ops", "libtensorflow_io.so"))
    except tf.errors.NotFoundError as error:
        missing.append(
            f"its library does not load: the last release, 0.37.1, needs TensorFlow 2.17 or older. "
            f"Received: tensorflow-io {version} with TensorFlow {tf.__version__}; {_reason(error.message)}"
        )
    absent = [name for name in _FFMPEG if not _loads(name)]
    if absent:
        missing.append(
            f"its video operators need the libraries of FFmpeg 4 ({', '.join(_FFMPEG)}), which Debian 11 and Ubuntu "
            f"20.04 and 22.04 have (libavformat58, libswscale5). Not found: {', '.join(absent)}"
        )
    if missing:
        raise ImportError("decoder='tensorflow-io' can't be used:\n" + "\n".join(f"- {line}" for line in missing))
    _keep_ffmpeg_in_bounds()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of file systems that it offers too
        from tensorflow_io.python.ops import ffmpeg_ops
    return ffmpeg_ops.io_ffmpeg_decode_video


def _keep_ffmpeg_in_bounds():
    """Makes FFmpeg use its plain code.

    That with SSSE3 writes up to 24 bytes more than a picture has, where the width is no multiple of 16, and TensorFlow
    I/O has no room for them: the process dies some time later. So decoding takes 1.9 times as long.
    """
    library = ctypes.CDLL("libavutil.so.56")
    library.av_force_cpu_flags(0)
    library.av_log_set_level(-8)  # or it says for each video that plain code is slower


def _loads(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _reason(message):
    # "/long/path/libtensorflow_io.so: undefined symbol: _ZNK…": the path says nothing new.
    return message.partition(".so: ")[2] or message

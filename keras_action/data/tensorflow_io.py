"""Decoding by TensorFlow I/O, which needs TensorFlow 2.17 or older and the libraries of FFmpeg 4.

TensorFlow I/O returns all frames that it can decode, at full size. It reports neither timestamps, nor the expected
number of frames, nor the display matrix, nor damage. PyAV reads these.
"""

import ctypes
import functools
import importlib.metadata
import importlib.util
import os
import warnings

import numpy as np

from keras_action.data.decoding import DecodingError, chosen_frames, first_frame
from keras_action.data.orientation import orientation, turn
from keras_action.data.resizing import scaled_size
from keras_action.data.timeline import import_av, open_video, read_timeline
from keras_action.utils.lazy import tensorflow as tf

# Each needs those before it. TensorFlow I/O loads FFmpeg 3.4 and 2.8, too, but with these it may decode one frame only
# (github.com/tensorflow/io, issue 1471).
_FFMPEG = ("libavutil.so.56", "libswscale.so.5", "libavcodec.so.58", "libavformat.so.58")


def read_frames_by_tensorflow_io(path, indices=None, start=None, end=None, short_side=None):
    """Decodes some frames of a video by TensorFlow I/O. The arguments are those of `read_frames`.

    All frames are decoded at full size, also those that are not returned: a long video takes time and memory. Colours
    differ slightly from PyAV's, because another version of FFmpeg converts and scales them. A truncated file is an
    error as with PyAV; damage inside a frame may go unnoticed.

    Returns:
        A uint8 array of shape (len(indices), height, width, 3), RGB, rotation tags applied.

    Raises:
        DecodingError: If the file is missing, empty, truncated, has no video, ends before `end`, or not all of
            its frames can be decoded.
        ImportError: If TensorFlow I/O, one of its libraries, or PyAV is missing; see `load_tensorflow_io`.
    """
    decode_video = load_tensorflow_io()
    timeline = read_timeline(path)
    indices = chosen_frames(path, timeline, indices, start, end)
    with open_video(path) as (container, stream):
        track = [other.index for other in container.streams.video].index(stream.index)
    turned = orientation(first_frame(path))
    with tf.device("CPU:0"):
        try:
            frames = decode_video(tf.io.read_file(os.fspath(path)), track)
        except tf.errors.OpError as error:
            raise DecodingError(f"{path}: TensorFlow I/O can't decode it: {error.message}") from error
        if len(frames) != len(timeline.times):
            raise DecodingError(
                f"{path}: damaged, TensorFlow I/O can decode {len(frames)} of {len(timeline.times)} frames"
            )
        size = scaled_size(frames.shape[1:3], short_side)
        frames = tf.gather(frames, indices)
        if tuple(frames.shape[1:3]) != size:
            frames = tf.cast(tf.round(tf.image.resize(frames, size, method="area")), tf.uint8)
        return np.stack([turn(frame, turned) for frame in frames.numpy()])


@functools.cache
def load_tensorflow_io():
    """Loads the operator with which TensorFlow I/O decodes videos.

    Returns:
        A function of the content of a file and the index of a video stream that returns all frames.

    Raises:
        ImportError: If it can't be loaded; the message names everything that is missing.
    """
    spec = importlib.util.find_spec("tensorflow_io")
    if spec is None:
        raise ImportError(
            "decoder='tensorflow-io' needs the package tensorflow-io. Install it beside TensorFlow 2.17 or older, on "
            "Python 3.12 or older, with: pip install tensorflow-io==0.37.1"
        )
    import_av()
    version = importlib.metadata.version("tensorflow-io")
    missing = []
    try:
        # The core library, which does not depend on FFmpeg.
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
        warnings.simplefilter("ignore")  # about its file systems
        from tensorflow_io.python.ops import ffmpeg_ops
    return ffmpeg_ops.io_ffmpeg_decode_video


def _keep_ffmpeg_in_bounds():
    """Turns off FFmpeg's SIMD code.

    With SSSE3 it writes up to 24 bytes beyond a picture whose width is no multiple of 16. TensorFlow I/O allocates no
    room for them, and the process crashes later. Decoding takes 1.9 times as long without.
    """
    library = ctypes.CDLL("libavutil.so.56")
    library.av_force_cpu_flags(0)
    library.av_log_set_level(-8)  # no warning for each video


def _loads(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _reason(message):
    # "/long/path/libtensorflow_io.so: undefined symbol: _ZNK…": without the path.
    return message.partition(".so: ")[2] or message

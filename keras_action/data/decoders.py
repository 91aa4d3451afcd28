"""The decoders of video files, by name."""

from keras_action.data.decoding import read_frames
from keras_action.data.tensorflow_io import load_tensorflow_io, read_frames_by_tensorflow_io
from keras_action.utils.fields import check_choice

DECODERS = {"pyav": read_frames, "tensorflow-io": read_frames_by_tensorflow_io}


def frame_decoder(name):
    """Returns a decoder of video files: a function with the arguments and result of `read_frames`.

    Args:
        name: `"pyav"`, or `"tensorflow-io"` where its libraries load: see `read_frames_by_tensorflow_io`.

    Returns:
        The function.

    Raises:
        ValueError: If there is no such decoder.
        ImportError: If `name` is `"tensorflow-io"`, and it or one of its libraries is missing; the message names
            it. PyAV is imported when the first video is read, because frame folders don't need it.

    Example:

    >>> frame_decoder("pyav")("clip.mp4").shape
    (24, 120, 160, 3)
    """
    check_choice("decoder", name, DECODERS)
    if name == "tensorflow-io":
        load_tensorflow_io()
    return DECODERS[name]

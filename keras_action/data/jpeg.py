"""Decodes JPEGs in the graph, where they are cropped: only the crop of each frame is decoded.

An error of the decoder inside a `tf.data` graph would end the training without naming the file. So JPEGs are given
to the graph only if the decoder can't fail there, whatever the picture: their head, everything before the compressed
pixels, has been decoded before, and no marker comes after it but the end. All others (PNG, progressive JPEGs, damaged
files) are decoded in Python, where an error names its file and costs one clip.
"""

import re

from keras_action.data.resizing import resize
from keras_action.utils.lazy import tensorflow as tf

_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_DCT = "INTEGER_ACCURATE"
_RATIOS = (1, 2, 4, 8)  # fractions of its size at which a JPEG can be decoded
_MARKER = re.compile(rb"\xff[^\x00]", re.DOTALL)
_MAX_HEADS = 4096


class JpegHeads:
    """Finds JPEGs that no decoder can fail at. The head of a file is decoded once and remembered.

    Safe to use from many threads.
    """

    def __init__(self):
        self._sizes = {}

    def common_size(self, contents):
        """Returns the (height, width) of image files; `None` if they differ, or one is no JPEG that is surely whole."""
        sizes = {self._size(content) for content in contents}
        return sizes.pop() if len(sizes) == 1 else None

    def _size(self, content):
        start = _scan_start(content)
        if start is None:
            return None
        # In the compressed pixels a byte ff is followed by 00: the first one that is not must be that of the end.
        marker = _MARKER.search(content, start)
        if marker is None or marker.start() != len(content) - 2 or marker[0] != _END:
            return None
        head = content[:start]
        size = self._sizes.get(head)
        if size is None and (size := _decoded_size(content)) is not None:
            if len(self._sizes) >= _MAX_HEADS:  # files with a head each
                self._sizes.clear()
            self._sizes[head] = size
        return size


def decode_window(jpegs, offset, crop, size):
    """Decodes a window of JPEGs and scales it to `size`, in TensorFlow.

    A window at least twice as large as `size` is decoded at a half, quarter or eighth straight away.

    Args:
        jpegs: A string tensor of shape (T,), T static.
        offset: An int32 tensor, top and left of the window in pixels.
        crop: An int32 tensor, its height and width.
        size: (height, width) of the result.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).
    """

    def decode(ratio):
        window = tf.concat([offset // ratio, crop // ratio], 0)
        options = {"channels": 3, "ratio": ratio, "dct_method": _DCT}
        # Unrolled: frames decode side by side.
        frames = [tf.io.decode_and_crop_jpeg(jpeg, window, **options) for jpeg in tf.unstack(jpegs)]
        return tf.ensure_shape(resize(frames, size), (len(frames), *size, 3))

    return _switch(_ratio(crop, size), decode)


def decode_whole(jpegs, space, short_side):
    """Decodes whole JPEGs, at a half, quarter or eighth where the shorter side keeps `short_side` pixels.

    Args:
        jpegs: A string tensor of shape (N,).
        space: An int32 tensor, their height and width.
        short_side: Pixels.

    Returns:
        A uint8 tensor of shape (N, h, w, 3).
    """

    def decode(ratio):
        return tf.map_fn(
            lambda jpeg: tf.io.decode_jpeg(jpeg, channels=3, ratio=ratio, dct_method=_DCT),
            jpegs,
            fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
        )

    return _switch(_ratio(tf.reduce_min(space), short_side), decode)


def _ratio(side, least):
    """The place in `_RATIOS` of the largest at which `side` keeps at least `least` pixels."""
    enough = [tf.reduce_all(side // ratio >= least) for ratio in _RATIOS[1:]]
    return tf.reduce_sum(tf.cast(tf.stack(enough), tf.int32))


def _switch(place, decode):
    return tf.switch_case(place, [lambda ratio=ratio: decode(ratio) for ratio in _RATIOS])


def _decoded_size(content):
    try:
        with tf.device("CPU:0"):
            return tuple(tf.io.decode_jpeg(content, channels=3).shape[:2])
    except tf.errors.OpError:
        return None


def _scan_start(content):
    """Where the compressed pixels begin; None if the segments before them are damaged."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        stop = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place : place + 2] == _SCAN:
            return stop
        place = stop
    return None

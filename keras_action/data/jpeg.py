"""Decodes JPEGs in the graph, where they are cropped: by OpenCV where it is installed, otherwise by TensorFlow.

An error of the decoder inside a `tf.data` graph would end the training without naming the file. So JPEGs are given
to the graph only if the decoder can't fail there, whatever the picture: their head, everything before the compressed
pixels, has been decoded before, and no marker comes after it but the end. All others (PNG, progressive JPEGs, damaged
files) are decoded in Python, where an error names its file and costs one clip.
"""

import numpy as np

from keras_action.data.resizing import fill_clip, opencv, resize

_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_DCT = "INTEGER_ACCURATE"
_RATIOS = (1, 2, 4, 8)  # fractions of its size at which a JPEG can be decoded
_MARGIN = 2  # columns beside a window from which the decoder interpolates the colours at its edge
_MAX_HEADS = 4096


class JpegHeads:
    """Finds JPEGs that no decoder can fail at. The head of a file is decoded once and remembered.

    Safe to use from many threads.
    """

    def __init__(self):
        self._sizes, self._length = {}, 0

    def common_size(self, contents):
        """Returns the (height, width) of image files; `None` if they differ, or one is no JPEG that is surely whole."""
        sizes = {self._size(content) for content in contents}
        return sizes.pop() if len(sizes) == 1 else None

    def _size(self, content):
        # Most files of a set have heads of one length, often the same: these need not be parsed.
        start = self._length
        size = self._sizes.get(content[:start])
        if size is None:
            start = _scan_start(content)
        # In the compressed pixels a byte ff is followed by 00, but for the marker of the end.
        if start is None or not content.endswith(_END):
            return None
        if content.count(b"\xff", start) != content.count(b"\xff\x00", start) + 1:
            return None
        if size is None:
            size = self._sizes.get(content[:start]) or _decoded_size(content)
            if size is None:
                return None
            if len(self._sizes) >= _MAX_HEADS:  # files with a head each
                self._sizes.clear()
            self._sizes[content[:start]], self._length = size, start
        return size


def decode_window(jpegs, space, offset, crop, size):
    """Decodes a window of JPEGs and scales it to `size`.

    A window at least twice as large as `size` is decoded at a half, quarter or eighth straight away. OpenCV decodes
    whole frames and resizes the window, in one call of Python for all frames; TensorFlow decodes the window alone. The
    pixels before scaling are the same, as both decode with libjpeg-turbo.

    Args:
        jpegs: A string tensor of shape (T,), T static.
        space: An int32 tensor, height and width of the frames.
        offset: An int32 tensor, top and left of the window in pixels.
        crop: An int32 tensor, its height and width.
        size: (height, width) of the result.

    Returns:
        A uint8 tensor of shape (T, height, width, 3).
    """
    import tensorflow as tf

    cv2, place = opencv(), _ratio(crop, size)
    if cv2 is not None:
        ratio = tf.gather(_RATIOS, place)
        window = tf.concat([offset // ratio, crop // ratio], 0)
        flags = (cv2.IMREAD_COLOR, cv2.IMREAD_REDUCED_COLOR_2, cv2.IMREAD_REDUCED_COLOR_4, cv2.IMREAD_REDUCED_COLOR_8)

        def write(jpeg, target, place, window):
            top, left, height, width = window.tolist()
            picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags[place] | cv2.IMREAD_IGNORE_ORIENTATION)
            part = cv2.resize(picture[top : top + height, left : left + width], target.shape[1::-1])
            cv2.cvtColor(part, cv2.COLOR_BGR2RGB, dst=target)

        return fill_clip(write, jpegs, size, place, window)

    def decode(ratio):
        top, left, height, width = tf.unstack(tf.concat([offset // ratio, crop // ratio], 0))
        first, stop = tf.maximum(left - _MARGIN, 0), tf.minimum(left + width + _MARGIN, -(-space[1] // ratio))
        options = {"channels": 3, "ratio": ratio, "dct_method": _DCT}
        wider = tf.stack([top, first, height, stop - first])
        # Unrolled: frames decode side by side, and each is resized while it is in the processor's cache.
        frames = [tf.io.decode_and_crop_jpeg(jpeg, wider, **options) for jpeg in tf.unstack(jpegs)]
        frames = [resize(frame[None, :, left - first : left - first + width], size) for frame in frames]
        return tf.ensure_shape(tf.concat(frames, 0), (len(frames), *size, 3))

    return _switch(place, decode)


def decode_whole(jpegs, space, short_side):
    """Decodes whole JPEGs, at a half, quarter or eighth where the shorter side keeps `short_side` pixels.

    Args:
        jpegs: A string tensor of shape (N,).
        space: An int32 tensor, their height and width.
        short_side: Pixels.

    Returns:
        A uint8 tensor of shape (N, h, w, 3).
    """
    import tensorflow as tf

    def decode(ratio):
        return tf.map_fn(
            lambda jpeg: tf.io.decode_jpeg(jpeg, channels=3, ratio=ratio, dct_method=_DCT),
            jpegs,
            fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
        )

    return _switch(_ratio(tf.reduce_min(space), short_side), decode)


def _ratio(side, least):
    """The place in `_RATIOS` of the largest at which `side` keeps at least `least` pixels."""
    import tensorflow as tf

    enough = [tf.reduce_all(side // ratio >= least) for ratio in _RATIOS[1:]]
    return tf.reduce_sum(tf.cast(tf.stack(enough), tf.int32))


def _switch(place, decode):
    import tensorflow as tf

    return tf.switch_case(place, [lambda ratio=ratio: decode(ratio) for ratio in _RATIOS])


def _decoded_size(content):
    import tensorflow as tf

    try:
        with tf.device("CPU:0"):
            if int(tf.io.extract_jpeg_shape(content)[2]) > 3:
                return None  # CMYK, of which each decoder has its own conversion
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

"""Clips that travel as JPEGs to where they are cut: only the part of a frame that is wanted is decoded.

An error of the decoder inside a `tf.data` graph would end the training, and nobody would know which file it was. So
JPEGs are handed to the graph only if the decoder can't fail there, whatever the picture: their head, all that stands
before the compressed pixels, has been decoded before, and no marker comes after it but the end. All others (PNG,
progressive JPEGs, damaged files) are decoded in Python, by `read_clip`, where an error has a name and costs a clip.
"""

import os
import re

import numpy as np

from keras_action.data.frame_folders import choose_frames, read_frame
from keras_action.data.shards.format import is_shard, read_shard_jpegs
from keras_action.data.transforms import resize

_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_DCT = "INTEGER_ACCURATE"
_RATIOS = (1, 2, 4, 8)  # of its size, 1 of which the decoder can give
_MARKER = re.compile(rb"\xff[^\x00]", re.DOTALL)
_MAX_HEADS = 4096

_sizes = {}  # head of a JPEG that was decoded → (height, width)


def read_jpegs(clip, choose):
    """Reads the chosen frames of a clip without decoding them.

    Args:
        clip: A `Clip`.
        choose: A function from the number of frames to the indices wanted; see `read_frames`.

    Returns:
        A list of bytes, and (height, width), which is the same for all; or None where the clip is a video, or has
        frames that only `read_clip` can be trusted with.

    Raises:
        DecodingError: If a frame is missing, empty or, in a shard, damaged.
    """
    if is_shard(clip.path):
        first, stop = clip.frames
        return read_shard_jpegs(clip.path, first + np.asarray(choose(stop - first)))
    if not os.path.isdir(clip.path) or clip.start is not None or clip.end is not None:
        return None
    files, places = choose_frames(clip.path, choose, clip.frames)
    jpegs = [read_frame(file) for file in files]
    sizes = {_sound_size(jpeg) for jpeg in jpegs}
    if len(sizes) > 1 or None in sizes:
        return None
    return [jpegs[place] for place in places], sizes.pop()


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
    import tensorflow as tf

    def decode(ratio):
        window = tf.concat([offset // ratio, crop // ratio], 0)
        options = {"channels": 3, "ratio": ratio, "dct_method": _DCT}
        # Unrolled: frames decode side by side, and each is scaled while it is in the processor's cache.
        frames = [tf.io.decode_and_crop_jpeg(jpeg, window, **options) for jpeg in tf.unstack(jpegs)]
        return tf.stack([tf.ensure_shape(resize(frame, size), (*size, 3)) for frame in frames])

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
    import tensorflow as tf

    def decode(ratio):
        return tf.map_fn(
            lambda jpeg: tf.io.decode_jpeg(jpeg, channels=3, ratio=ratio, dct_method=_DCT),
            jpegs,
            fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
        )

    return _switch(_ratio(tf.reduce_min(space), short_side), decode)


def _ratio(side, least):
    """The place in `_RATIOS` of the largest that leaves `side` at least `least` pixels."""
    import tensorflow as tf

    enough = [tf.reduce_all(side // ratio >= least) for ratio in _RATIOS[1:]]
    return tf.reduce_sum(tf.cast(tf.stack(enough), tf.int32))


def _switch(place, decode):
    import tensorflow as tf

    return tf.switch_case(place, [lambda ratio=ratio: decode(ratio) for ratio in _RATIOS])


def _sound_size(content):
    """(height, width) of a JPEG that can't fail in the decoder, None of any other file."""
    start = _scan_start(content)
    if start is None:
        return None
    # In the compressed pixels a byte ff is followed by 00: the first one that is not must be that of the end.
    marker = _MARKER.search(content, start)
    if marker is None or marker.start() != len(content) - 2 or marker[0] != _END:
        return None
    head = content[:start]
    size = _sizes.get(head)
    if size is None:
        size = _decoded_size(content)
        if size is None:
            return None
        if len(_sizes) >= _MAX_HEADS:  # of files that have a head each
            _sizes.clear()
        _sizes[head] = size
    return size


def _decoded_size(content):
    import tensorflow as tf

    try:
        with tf.device("CPU:0"):
            return tuple(tf.io.decode_jpeg(content, channels=3).shape[:2])
    except tf.errors.OpError:
        return None


def _scan_start(content):
    """Where the compressed pixels begin; None where the segments before them are not in order."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        stop = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place : place + 2] == _SCAN:
            return stop
        place = stop
    return None

"""Clips as folders of image files, one a frame, read as strictly as videos are; and the one door to all clips.

A missing, empty or truncated frame is always noticed. A few changed bytes inside a JPEG may still be valid code, of
a picture with a stain: no decoder sees that.
"""

import itertools
import os
import re

import numpy as np

from keras_action.data.decoding import DecodingError, read_frames
from keras_action.data.shards.format import is_shard, read_shard_jpegs

FRAME_SUFFIXES = (".jpg", ".jpeg", ".png")

_NUMBER = re.compile(r"(\d+)\D*$")
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def list_frames(path):
    """The frames of a frame folder, in the order of the numbers in their names.

    The number is the last one in the name: `img_00012.jpg` and `cam2-12.png` are frame 12. Numbers may begin
    anywhere and go up in steps, as where every fifth frame was kept, but all steps must be the same: a frame
    that is missing would shift all that come after it. Hidden files and other files than images are passed over.

    Args:
        path: A folder of .jpg, .jpeg or .png files.

    Returns:
        A list of file names and a list of their numbers.

    Raises:
        DecodingError: If there is no such folder, no frame in it, a frame without a number or with that of
            another, or one missing.

    Example:

    >>> list_frames("20bn-jester-v1/1")
    (['00001.jpg', '00002.jpg', '00003.jpg'], [1, 2, 3])
    """
    path = os.fspath(path)
    try:
        names = [name for name in os.listdir(path) if _is_frame(name)]
    except OSError as error:
        raise DecodingError(f"{path}: not a frame folder: {error.strerror}") from error
    if not names:
        raise DecodingError(f"{path}: there are no frames (.jpg, .jpeg, .png) in the folder")
    numbered = []
    for name in names:
        stem = name.rpartition(".")[0]
        number = stem if stem.isdecimal() else _NUMBER.search(stem)  # most are nothing but a number
        if number is None:
            raise DecodingError(f"{os.path.join(path, name)}: the names of frames must have numbers")
        numbered.append((int(number if number is stem else number[1]), name))
    numbered.sort()
    numbers, names = [number for number, _ in numbered], [name for _, name in numbered]
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    step = min(steps, default=1)
    if step == 0:
        i = steps.index(0)
        raise DecodingError(f"{path}: {names[i]} and {names[i + 1]} have the same number")
    if max(steps, default=1) > step:
        i = next(i for i, other in enumerate(steps) if other > step)
        raise DecodingError(f"{path}: frames are missing between {names[i]} and {names[i + 1]}")
    return names, numbers


def has_frames(path):
    """Whether a folder holds at least one image file."""
    with os.scandir(path) as entries:
        return any(_is_frame(entry.name) for entry in entries)


def read_frame_folder(path, choose, frames=None, short_side=None):
    """Decodes some frames of a frame folder; only those chosen are opened.

    Where a JPEG is to be scaled down to less than half, it is decoded at a half, quarter or eighth of its size
    straight away, which libjpeg does by leaving out what the small picture can't show, and then scaled: much
    faster, and as good as equal to averaging over areas of the whole picture. Orientation tags are not applied.

    Args:
        path: A folder of .jpg, .jpeg or .png files; see `list_frames` for their order.
        choose: A function from the number of frames to the indices, a sequence of whole numbers, of the frames
            wanted; in any order, repeated if wished. For instance `lambda n: sample_segments(n, 8)`, or `range`
            for all.
        frames: The part that is the clip, (first, stop): places among the sorted frames, from 0, without the
            one at `stop`. None: all.
        short_side: Pixels to which the shorter side is scaled down (averaging over areas), the longer one in
            proportion; pictures that are smaller stay as they are, and so do all with None.

    Returns:
        A uint8 array of shape (len(indices), height, width, 3), RGB.

    Raises:
        DecodingError: If the folder or a frame is missing, `frames` goes beyond the last one, or a chosen
            frame is empty, truncated, damaged, no JPEG or PNG, or of another size than the first chosen.

    Example:

    >>> read_frame_folder("20bn-jester-v1/1", lambda n: sample_segments(n, 8)).shape
    (8, 100, 176, 3)
    """
    files, places = choose_frames(path, choose, frames)
    pictures = _decode(files, map(read_frame, files), short_side)
    return np.stack([pictures[i] for i in places])


def choose_frames(path, choose, frames=None):
    """The files of the chosen frames, each once, and for each index that was chosen its place among them."""
    path = os.fspath(path)
    names, _ = list_frames(path)
    frames = (0, len(names)) if frames is None else frames
    if frames[1] > len(names):
        raise DecodingError(
            f"{path}: frames {frames[0]} to {frames[1] - 1} are wanted, but there are only {len(names)}"
        )
    wanted, places = _choose(frames, choose)
    return [os.path.join(path, names[i]) for i in wanted], places


def read_clip(clip, choose, short_side=None, decoder=read_frames):
    """Decodes some frames of a `Clip`, be it a video, a frame folder or a part of a shard.

    Args:
        clip: A `Clip`.
        choose: A function from the number of frames to the indices wanted; see `read_frames`.
        short_side: Pixels to which the shorter side is scaled down; see `read_frames`.
        decoder: What decodes videos, a function like `read_frames`; see `frame_decoder`.

    Returns:
        A uint8 array of shape (len(indices), height, width, 3), RGB.

    Raises:
        DecodingError: If the frames can't be read, `start` or `end` is given for a frame folder or a shard, or
            `frames` for a video.
    """
    if is_shard(clip.path):
        return _read_shard(clip, choose, short_side)
    if os.path.isdir(clip.path):
        if clip.start is not None or clip.end is not None:
            raise DecodingError(
                f"{clip.path}: start and end are for videos, `frames` is for frame folders. "
                f"Received: start={clip.start}, end={clip.end}"
            )
        return read_frame_folder(clip.path, choose, clip.frames, short_side)
    if clip.frames is not None and os.path.exists(clip.path):
        raise DecodingError(
            f"{clip.path}: `frames` is for frame folders, start and end are for videos. Received: frames={clip.frames}"
        )
    return decoder(clip.path, choose, clip.start, clip.end, short_side)


def _is_frame(name):
    return name.lower().endswith(FRAME_SUFFIXES) and not name.startswith(".")


def _read_shard(clip, choose, short_side):
    if clip.frames is None or clip.start is not None or clip.end is not None:
        raise DecodingError(
            f"{clip.path}: a clip of a shard is given by `frames`, and by nothing else. "
            f"Received: start={clip.start}, end={clip.end}, frames={clip.frames}"
        )
    wanted, places = _choose(clip.frames, choose)
    jpegs, _ = read_shard_jpegs(clip.path, wanted)
    names = [f"{clip.path}: frame {row} ({clip.name})" for row in wanted]
    pictures = _decode(names, jpegs, short_side)
    return np.stack([pictures[i] for i in places])


def _choose(frames, choose):
    """The chosen of the frames (first, stop), each once, and for each index that was chosen its place among them."""
    first, stop = frames
    if not 0 <= first < stop:
        raise ValueError(f"`frames` must be (first, stop), 0 <= first < stop. Received: frames={frames}")
    indices = np.asarray(list(choose(stop - first)), np.int64)
    if indices.size == 0 or indices.min() < 0 or indices.max() >= stop - first:
        raise ValueError(f"`choose` must give indices below {stop - first}. Received: {indices.tolist()}")
    return np.unique(indices + first, return_inverse=True)


def _decode(files, contents, short_side):
    """Pictures of equal size, uint8 (height, width, 3), of the contents of image files."""
    import tensorflow as tf

    # A GPU has none of these operations: without this the bytes would travel there and back.
    with tf.device("CPU:0"):
        pictures, size, target = [], None, None
        for file, content in zip(files, contents, strict=True):
            try:
                is_jpeg = content.startswith(_JPEG)
                full = _size(tf, content, is_jpeg)
                if size is None:
                    size, target = full, _target(full, short_side)
                if full != size:
                    raise DecodingError(
                        f"{file}: the frames of a clip must be of one size. Received: {full[1]}x{full[0]}, "
                        f"after {os.path.basename(files[0])} of {size[1]}x{size[0]}"
                    )
                if is_jpeg:
                    ratio = _ratio(min(full), short_side)
                    picture = tf.io.decode_jpeg(content, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE")
                else:
                    picture = tf.io.decode_png(content, channels=3)
            except tf.errors.OpError as error:
                raise DecodingError(f"{file}: damaged or truncated: {_reason(error)}") from error
            if tuple(picture.shape[:2]) != target:
                picture = tf.cast(tf.round(tf.image.resize(picture, target, method="area")), tf.uint8)
            pictures.append(np.asarray(memoryview(picture)))  # `numpy()` would copy
        return pictures


def read_frame(file):
    """The bytes of a JPEG or PNG file."""
    try:
        with open(file, "rb") as opened:
            content = opened.read()
    except OSError as error:
        raise DecodingError(f"{file}: {error.strerror}") from error
    if not content:
        raise DecodingError(f"{file}: the file is empty")
    if not content.startswith((_JPEG, _PNG)):
        raise DecodingError(f"{file}: neither a JPEG nor a PNG, whatever its name says")
    return content


def _size(tf, content, is_jpeg):
    """(height, width), from the file's head."""
    if is_jpeg:
        return tuple(tf.io.extract_jpeg_shape(content).numpy().tolist()[:2])
    return int.from_bytes(content[20:24], "big"), int.from_bytes(content[16:20], "big")


def _target(size, short_side):
    if short_side is None or min(size) <= short_side:
        return size
    scale = short_side / min(size)
    return round(size[0] * scale), round(size[1] * scale)


def _ratio(side, short_side):
    """The part of its size at which a JPEG is decoded: 1, or 1 of 2, 4 or 8 with enough pixels left to average."""
    return 1 if short_side is None else next((ratio for ratio in (8, 4, 2) if side // ratio >= short_side), 1)


def _reason(error):
    # "{{function_node __wrapped__…}} Invalid JPEG data. [Op:DecodeJpeg]" has a sentence of use in the middle.
    return re.sub(r"^\{\{.*?\}\}\s*|\s*\[Op:\w+\].*$", "", error.message).rstrip(".")

"""Frame folders: folders with an image file for each frame of a clip.

A missing, empty or truncated frame is an error. A few changed bytes within a JPEG may decode to an image with
artefacts, which no decoder detects.
"""

import bisect
import itertools
import os
import re

import numpy as np

from keras_action.data.decoding import DecodingError
from keras_action.data.resizing import scaled_size
from keras_action.utils.lazy import tensorflow as tf

FRAME_SUFFIXES = (".jpg", ".jpeg", ".png")

_NUMBER = re.compile(r"(\d+)\D*$")
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def list_frames(path):
    """Lists the frames of a frame folder, in the order of the numbers in their names.

    The number is the last one in the name: `img_00012.jpg` and `cam2-12.png` are frame 12. Numbers may begin anywhere
    and increase in equal steps, as where only every fifth frame was kept. Other gaps are errors, since a missing frame
    would shift all later ones. Hidden files and other files than images are ignored.

    Args:
        path: A folder of .jpg, .jpeg or .png files.

    Returns:
        A list of file names and a list of their numbers.

    Raises:
        DecodingError: If the folder does not exist or has no frames, a frame has no number or that of another frame,
            or a frame is missing.

    Example:

    >>> list_frames("20bn-jester-v1/1")
    (['00001.jpg', '00002.jpg', '00003.jpg'], [1, 2, 3])
    """
    path = os.fspath(path)
    names, numbers = sorted_frames(path)
    check_spacing(path, names, numbers)
    return names, numbers


def sorted_frames(path):
    """The same as `list_frames`, for a folder in which frames may be missing."""
    try:
        names = [name for name in os.listdir(path) if _is_frame(name)]
    except OSError as error:
        raise DecodingError(f"{path}: not a frame folder: {error.strerror}") from error
    if not names:
        raise DecodingError(f"{path}: there are no frames (.jpg, .jpeg, .png) in the folder")
    numbered = []
    for name in names:
        stem = name.rpartition(".")[0]
        number = stem if stem.isdecimal() else _NUMBER.search(stem)  # most names are just a number
        if number is None:
            raise DecodingError(f"{os.path.join(path, name)}: the names of frames must have numbers")
        numbered.append((int(number if number is stem else number[1]), name))
    numbered.sort()
    for (number, name), (other, other_name) in itertools.pairwise(numbered):
        if number == other:
            raise DecodingError(f"{path}: {name} and {other_name} have the same number")
    return [name for _, name in numbered], [number for number, _ in numbered]


def check_spacing(path, names, numbers, first=0, stop=None):
    """Raises a `DecodingError` if a frame is missing between those at `first` and `stop - 1`."""
    all_steps = np.diff(numbers)
    steps = all_steps[first : None if stop is None else stop - 1]
    gaps = np.flatnonzero(steps > min(all_steps, default=1))
    if not gaps.size:
        return
    place = first + gaps[0]
    if gaps.size > len(steps) / 4:  # too many gaps for lost frames
        raise DecodingError(
            f"{path}: the numbers of the frames go up unevenly ({', '.join(names[place : place + 3])}), as timestamps "
            "do. Frames must be numbered one by one: rename them 00001.jpg, 00002.jpg, …"
        )
    raise DecodingError(f"{path}: frames are missing between {names[place]} and {names[place + 1]}")


def frame_part(numbers, first, last):
    """The part of a frame folder between two numbers, in the form of `Clip.frames`.

    If one of its frames is missing, the part ends beyond the last frame of the folder, so that only this clip can't be
    read. `None` if no frame is in the part, as can be in a folder of every fifth frame.

    Args:
        numbers: Numbers of the frames in the folder, ascending.
        first: Number of the part's first frame.
        last: Number of its last frame.
    """
    step = min(map(int, np.diff(numbers)), default=1)
    begin, end = bisect.bisect_left(numbers, first), bisect.bisect_right(numbers, last)
    # Numbers between the two, of those that are a multiple of `step` away from the folder's first.
    expected = (last - numbers[0]) // step - (first - 1 - numbers[0]) // step
    if expected <= 0:
        return None
    return (begin, end) if end - begin == expected else (begin, max(begin + expected, len(numbers) + 1))


def has_frames(path):
    """Whether a folder holds at least one image file."""
    with os.scandir(path) as entries:
        return any(_is_frame(entry.name) for entry in entries)


def _is_frame(name):
    return name.lower().endswith(FRAME_SUFFIXES) and not name.startswith(".")


def decode_images(files, contents, short_side):
    """Pictures of equal size, uint8 (height, width, 3), of the contents of image files."""
    # These operations have no GPU kernel: without this, bytes would be copied to the GPU and back.
    with tf.device("CPU:0"):
        pictures, size, target = [], None, None
        for file, content in zip(files, contents, strict=True):
            try:
                is_jpeg = content.startswith(_JPEG)
                full = _size(content, is_jpeg)
                if size is None:
                    size, target = full, scaled_size(full, short_side)
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


def read_encoded(file):
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


def _size(content, is_jpeg):
    """(height, width), from the file's head."""
    if is_jpeg:
        return tuple(tf.io.extract_jpeg_shape(content).numpy().tolist()[:2])
    return int.from_bytes(content[20:24], "big"), int.from_bytes(content[16:20], "big")


def _ratio(side, short_side):
    """The part of its size at which a JPEG is decoded: 1, or 1 of 2, 4 or 8 with enough pixels left to average."""
    return 1 if short_side is None else next((ratio for ratio in (8, 4, 2) if side // ratio >= short_side), 1)


def _reason(error):
    # "{{function_node __wrapped__…}} Invalid JPEG data. [Op:DecodeJpeg]" has a sentence of use in the middle.
    return re.sub(r"^\{\{.*?\}\}\s*|\s*\[Op:\w+\].*$", "", error.message).rstrip(".")

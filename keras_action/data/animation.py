"""Frames as an animated picture: GIF or WebP."""

import io
from itertools import chain, islice
from pathlib import Path

import numpy as np

from keras_action.utils.files import write_whole
from keras_action.utils.optional_import import optional_import

ANIMATIONS = (".gif", ".webp")
_PALETTE_FRAMES = 64  # from which a GIF's palette is made


def write_animation(path, frames, fps):
    """Writes frames as an animated picture that loops. `write_video` calls it for files with these suffixes.

    A GIF has one palette of 256 colours for all frames, made from the first 64, because colours would flicker with a
    palette for each frame. The duration of its frames is rounded to hundredths of a second. A WebP has all colours and
    is many times smaller for noisy frames. All frames are held in memory.

    Args:
        path: The file to write, `.gif` or `.webp`. It appears whole or not at all.
        frames: An iterable of uint8 arrays of shape (height, width, 3), RGB, all of one size.
        fps: Frames a second.

    Returns:
        The number of frames written.

    Raises:
        ImportError: If Pillow is not installed.
        ValueError: If there is no frame.
    """
    with optional_import("An animated picture", "Pillow", "pillow"):
        from PIL import Image
    frames = iter(frames)
    head = list(islice(frames, _PALETTE_FRAMES))
    if not head:
        raise ValueError(f"There must be at least one frame. Received: none, for {path}")
    pictures = map(Image.fromarray, chain(head, frames))
    if Path(path).suffix.lower() == ".gif":
        palette = Image.fromarray(np.concatenate(head)).quantize(256)
        pictures = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
        options = {"format": "gif", "duration": max(round(100 / fps), 1) * 10}  # milliseconds
    else:
        options = {"format": "webp", "duration": round(1000 / fps), "quality": 50, "method": 4}
    first, *others = pictures
    file = io.BytesIO()
    first.save(file, save_all=True, append_images=others, loop=0, **options)
    write_whole(path, file.getvalue())
    return 1 + len(others)

"""Frames as an animated picture: GIF or WebP."""

import io
from itertools import chain, islice
from pathlib import Path

import numpy as np

from keras_action.utils.files import write_whole

ANIMATIONS = (".gif", ".webp")
_LOOKED_AT = 64  # frames that a GIF's palette is made from


def write_animation(path, frames, fps):
    """Writes frames as an animated picture that goes on for ever. What `write_video` does for a file of these endings.

    A GIF has 256 colours, one palette for all frames, chosen from the first 64: colours that change from frame to frame
    would flicker. It counts in hundredths of a second, to which the time of a frame is rounded. A WebP has all colours
    and is many times smaller where there is noise. All frames are held in memory: for films there are videos.

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
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("An animated picture needs Pillow. Install it with: pip install pillow") from error
    frames = iter(frames)
    head = list(islice(frames, _LOOKED_AT))
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

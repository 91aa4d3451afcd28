"""Frames as an animated GIF."""

import io
from itertools import chain, islice

import numpy as np

from keras_action.files import write_whole

_LOOKED_AT = 64  # frames that the palette is made from


def write_gif(path, frames, fps):
    """Writes frames as an animated GIF that goes on for ever. What `write_video` does for a file of that ending.

    All frames share one palette of 256 colours, chosen from the first 64 frames: colours that change from frame to
    frame would flicker. A GIF counts in hundredths of a second, to which the time of a frame is rounded.

    Args:
        path: The file to write. It appears whole or not at all.
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
        raise ImportError("A GIF needs Pillow. Install it with: pip install pillow") from error
    frames = iter(frames)
    head = list(islice(frames, _LOOKED_AT))
    if not head:
        raise ValueError(f"There must be at least one frame. Received: none, for {path}")
    palette = Image.fromarray(np.concatenate(head)).quantize(256)
    first, *others = (
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in chain(head, frames)
    )
    file = io.BytesIO()
    duration = max(round(100 / fps), 1) * 10  # milliseconds
    first.save(file, "gif", save_all=True, append_images=others, duration=duration, loop=0)
    write_whole(path, file.getvalue())
    return 1 + len(others)

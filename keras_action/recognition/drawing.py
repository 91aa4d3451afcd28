"""Drawing of events into frames."""

import numpy as np

from keras_action.utils.optional_import import optional_import


def draw_events(frame, timestamp, events):
    """Writes the labels of the current events into a frame.

    Args:
        frame: RGB, uint8 `(H, W, 3)`.
        timestamp: Its time in seconds.
        events: All `GestureEvent`s of the video.

    Returns:
        A frame like `frame`; `frame` itself if there is no current event.

    Raises:
        ImportError: If Pillow is not installed.
    """
    text = "  ".join(event.label for event in events if event.start <= timestamp <= event.end)
    if not text:
        return frame
    with optional_import("Drawing labels", "Pillow", "pillow"):
        from PIL import Image, ImageDraw, ImageFont
    height, width = frame.shape[:2]
    margin = max(height // 40, 2)
    font = ImageFont.load_default(size=max(height // 12, 10))
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    box_height = bottom - top + 2 * margin
    draw.rectangle((0, height - box_height, min(right - left + 4 * margin, width), height), fill=(0, 0, 0))
    draw.text((2 * margin - left, height - box_height + margin - top), text, fill=(255, 255, 255), font=font)
    return np.asarray(image)

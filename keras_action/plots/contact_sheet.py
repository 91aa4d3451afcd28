"""Figure of the frames of clips."""

import numpy as np

from keras_action.plots.figure import INCHES_PER_LETTER, new_figure, shorten


def contact_sheet_figure(clips, titles):
    """Draws the frames of clips, one clip per row.

    Args:
        clips: uint8 `(N, T, H, W, 3)`, RGB.
        titles: N titles, one above each row.

    Returns:
        A `matplotlib.figure.Figure`.
    """
    clips = np.asarray(clips)
    if clips.dtype != np.uint8 or clips.ndim != 5 or clips.shape[-1] != 3 or not clips.size:
        raise ValueError(
            f"`clips` must be uint8 of shape (N, T, H, W, 3). Received: dtype={clips.dtype}, shape={clips.shape}"
        )
    count, segments, height, width, _ = clips.shape
    if len(titles) != count:
        raise ValueError(f"Expected a title for each of {count} clips. Received: titles={titles}")
    gap = max(width // 32, 1)
    # One image per row: axes for each frame would be slow for many clips.
    padded = np.pad(clips, [(0, 0), (0, 0), (0, 0), (0, gap), (0, 0)], constant_values=255)
    strips = padded.transpose(0, 2, 1, 3, 4).reshape(count, height, -1, 3)[:, :, :-gap]
    sheet_width = min(max(segments * 1.1, 3.0), 12.0)
    row_height = sheet_width * height / strips.shape[2]
    figure = new_figure(sheet_width, count * (row_height + 0.3) + 0.1)
    for axes, strip, title in zip(figure.subplots(count, 1, squeeze=False)[:, 0], strips, titles, strict=True):
        axes.imshow(strip)
        axes.set_axis_off()
        axes.set_title(shorten(title, int(sheet_width / INCHES_PER_LETTER)), loc="left", fontsize=9, pad=3)
    return figure

"""Figures and animations of activation maps over the frames of a clip; they need Matplotlib."""

import os
import textwrap

import numpy as np

from keras_action.plots.figure import new_figure
from keras_action.plots.overlay import Scale, check_maps, color_bar, overlay, set_title

ANIMATIONS = (".gif", ".webp", ".mp4")


def activation_figure(maps, frames, *, title=None, unit="", center=None, columns=None):
    """Draw maps over the frames of a clip, a row for each, under a row of the frames themselves.

    Each row has a scale of its own, the same for all its frames, with a colour bar: from 0, below which all is drawn
    alike, to its largest value; or, with `center`, as far to both sides of that. A line is drawn where half of it is
    reached. Maps are scaled up bilinearly.

    Args:
        maps: Dict from a row's title to float `(T, h, w)`, a map of each frame, which is laid over it; or to
            `(T, C)`, values of each frame that have no place, such as the masks of channels, which are drawn as a
            strip: time from left to right, under the frames, and channels from top to bottom.
        frames: uint8 `(T, H, W, 3)`, RGB.
        title: Title of the row of frames.
        unit: What the colour bars count.
        center: A value from which maps differ to both sides, such as 0.5 for masks; `None` where 0 is nothing.
        columns: How many of the frames are drawn, spread evenly; `None` for all.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the shapes don't fit each other, or a map isn't finite.

    Example:

    ```python
    maps = keras_action.class_activation_maps(model, clips)
    figure = keras_action.plots.activation_figure({"ACTION-Net": maps[0]}, clips[0], unit="logit")
    ```
    """
    rows, frames = check_maps(maps, frames)
    total, chosen = len(frames), _spread(len(frames), columns)
    frames = frames[chosen]
    gap = max(frames.shape[2] // 24, 1)
    picture = _side_by_side(frames, gap)
    width = min(max(0.95 * len(frames), 3.6), 9.0)
    height = width * picture.shape[0] / picture.shape[1]
    # Rows of one frame's height, each with room for its title; the bars stand beside them.
    figure = new_figure(width + 0.75, (len(rows) + 1) * (height + 0.27))
    axes = figure.subplots(len(rows) + 1, 2, squeeze=False, width_ratios=(width, 0.1))
    axes[0, 0].imshow(picture)
    axes[0, 1].set_axis_off()
    count = f"{len(frames)} frames" if len(frames) == total else f"{len(frames)} of {total} frames"
    set_title(axes[0, 0], f"{title}: {count}, left to right in time" if title else f"{count}, left to right in time")
    for (panel, bar), (name, values) in zip(axes[1:], rows.items(), strict=True):
        scale = Scale.of(values, center)
        set_title(panel, name)
        if values.ndim == 3:
            images, levels = overlay(frames, values[chosen], scale)
            panel.imshow(_side_by_side(images, gap))
            _outline(panel, _side_by_side(levels, gap), scale)
        else:
            columns_of_values = values[chosen].T[:, :, None].repeat(frames.shape[2], axis=2).transpose(1, 0, 2)
            strip = _side_by_side(scale(columns_of_values), gap)
            panel.imshow(strip, aspect="auto", interpolation="nearest")
        color_bar(figure, bar, scale, unit)
    for panel in axes[:, 0]:
        panel.set_axis_off()
        panel.set_box_aspect(picture.shape[0] / picture.shape[1])  # strips are as wide as the frames
    return figure


def save_activation_animation(path, maps, frames, *, seconds, title=None, unit="", center=None, dpi=100):
    """Write an animation: the clip and, beside it, each of the maps over it, frame by frame.

    Args:
        path: The file to write, `.gif`, `.webp` (need Pillow) or `.mp4` (needs PyAV). It appears whole or not at all.
        maps: As `activation_figure` takes them. A line goes over the strips of those without a place.
        frames: uint8 `(T, H, W, 3)`, RGB.
        seconds: How long the clip takes.
        title: Title of the frames.
        unit: What the colour bars count.
        center: As in `activation_figure`.
        dpi: Dots an inch; a frame is 1.6 inches wide.

    Returns:
        The number of frames written.

    Raises:
        ValueError: If the file's ending is another, or the arguments don't fit each other.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in ANIMATIONS:
        raise ValueError(f"An animation's file must end in one of {ANIMATIONS}. Received: path={path}")
    if not seconds > 0:
        raise ValueError(f"`seconds` must be above 0. Received: seconds={seconds}")
    images = _animation(maps, frames, title, unit, center, dpi)
    from keras_action.data import write_video

    return write_video(path, images, fps=len(images) / seconds)


def _animation(maps, frames, title, unit, center, dpi):
    """The pictures, uint8 (T, height, width, 3), of even sides."""
    rows, frames = check_maps(maps, frames)
    height = 1.6 * frames.shape[1] / frames.shape[2]
    lines = max(text.count("\n") + 1 for text in map(_wrap, rows))
    figure = new_figure(2.3 * (len(rows) + 1) - 0.5, height + 0.2 + 0.15 * lines)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(dpi)
    ratios = (1.6, *(1.6, 0.08) * len(rows))
    clip_axes, *axes = figure.subplots(1, len(ratios), width_ratios=ratios)
    clip_image = clip_axes.imshow(frames[0])
    set_title(clip_axes, _wrap(title or "the clip"))
    clip_axes.set_axis_off()
    moving = []  # functions of the frame's number
    for panel, bar, (name, values) in zip(axes[::2], axes[1::2], rows.items(), strict=True):
        scale = Scale.of(values, center)
        set_title(panel, _wrap(name))
        panel.set_axis_off()
        color_bar(figure, bar, scale, unit)
        if values.ndim == 3:
            images, _ = overlay(frames, values, scale)
            image = panel.imshow(images[0])
            moving.append(lambda i, image=image, images=images: image.set_data(images[i]))
        else:
            panel.imshow(scale(values.T), aspect="auto", interpolation="nearest")
            panel.set_box_aspect(frames.shape[1] / frames.shape[2])
            line = panel.axvline(0, color=scale.line_color, linewidth=2)
            moving.append(lambda i, line=line: line.set_xdata([i, i]))
    pictures = []
    for i, frame in enumerate(frames):
        clip_image.set_data(frame)
        for move in moving:
            move(i)
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3]
        pictures.append(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2].copy())
    return np.stack(pictures)


def _spread(count, columns):
    """The places of so many of `count` frames, the middles of even parts."""
    columns = count if columns is None else columns
    if not 1 <= columns <= count:
        raise ValueError(f"`columns` must be from 1 to the {count} frames. Received: columns={columns}")
    return ((np.arange(columns) + 0.5) * count / columns).astype(int)


def _side_by_side(images, gap):
    """(T, H, W[, 3]) → (H, T·W + gaps[, 3]); gaps are white, and not a number among numbers."""
    blank = 255 if images.dtype == np.uint8 else np.nan
    widths = [(0, 0), (0, 0), (0, gap), *[(0, 0)] * (images.ndim - 3)]
    padded = np.pad(images, widths, constant_values=blank)
    return np.concatenate(list(padded), axis=1)[:, :-gap]


def _outline(panel, levels, scale):
    crossed = [level for level in scale.levels if np.nanmin(levels) < level < np.nanmax(levels)]
    if crossed:
        panel.contour(levels, crossed, colors=scale.line_color, linewidths=0.8, linestyles="solid")


def _wrap(text):
    return textwrap.fill(text, 24)

"""Figures and animations of activation maps over the frames of a clip."""

import os
import textwrap

import numpy as np

from keras_action.plots.figure import new_figure
from keras_action.plots.overlay import Scale, check_maps, color_bar, overlay, set_title

ANIMATIONS = (".gif", ".webp", ".mp4")


def activation_figure(maps, frames, *, title=None, unit="", center=None, columns=None):
    """Draws the frames of a clip in a row, and below it a row for each map over the frames.

    Each row has its own scale, the same for all its frames, with a colour bar: from 0, to which lower values are
    clipped, to the largest value; with `center`, an equal range on both sides of it. A line marks half of the
    range. Maps are resized bilinearly.

    Args:
        maps: Dict from the title of a row to floats `(T, h, w)`, a map for each frame, which is drawn over it; or
            `(T, C)`, values of the channels for each frame, such as masks, which are drawn as a strip below the
            frames, with channels from top to bottom.
        frames: uint8 `(T, H, W, 3)`, RGB.
        title: Title of the row of frames.
        unit: Unit of the colour bars.
        center: Centre of a diverging scale, such as 0.5 for masks; `None` for a scale from 0.
        columns: Number of frames that are drawn, spread evenly; `None` for all.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ValueError: If the shapes do not fit, or a map is not finite.

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
    # Each row has the height of a frame, space for its title, and a colour bar beside it.
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
    """Writes an animation of a clip, with its maps beside it.

    Args:
        path: Path of the file, `.gif` or `.webp` (with Pillow) or `.mp4` (with PyAV). It appears whole or not at all.
        maps: As in `activation_figure`. A line moves over the strips of channels.
        frames: uint8 `(T, H, W, 3)`, RGB.
        seconds: Duration of the clip, in seconds.
        title: Title of the frames.
        unit: Unit of the colour bars.
        center: As in `activation_figure`.
        dpi: Dots per inch; a frame is 1.6 inches wide.

    Returns:
        Number of frames that were written.

    Raises:
        ValueError: If the suffix is another one, or the arguments do not fit.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in ANIMATIONS:
        raise ValueError(f"The file of an animation must end in one of {ANIMATIONS}. Received: path={path}")
    if not seconds > 0:
        raise ValueError(f"`seconds` must be above 0. Received: seconds={seconds}")
    images = _animation(maps, frames, title, unit, center, dpi)
    from keras_action.data import write_video

    return write_video(path, images, fps=len(images) / seconds)


def _animation(maps, frames, title, unit, center, dpi):
    """The pictures, uint8 (T, height, width, 3), with even sides."""
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
    moving = []  # functions of the number of the frame
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
    """The indices of `columns` of `count` frames, the middles of equal parts."""
    columns = count if columns is None else columns
    if not 1 <= columns <= count:
        raise ValueError(f"`columns` must be from 1 to the {count} frames. Received: columns={columns}")
    return ((np.arange(columns) + 0.5) * count / columns).astype(int)


def _side_by_side(images, gap):
    """(T, H, W[, 3]) → (H, T·W + gaps[, 3]); gaps are white in images, and NaN in numbers."""
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

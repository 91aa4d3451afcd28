"""Creating and saving figures."""

import io
from pathlib import Path

import numpy as np

from keras_action.utils.files import write_whole
from keras_action.utils.optional_import import optional_import

TRAIN_COLOR, VALIDATION_COLOR = "#0072B2", "#D55E00"
FORMATS = ("png", "svg", "pdf")
INCHES_PER_LETTER = 0.08  # at 9 points, at most


def figure_to_png_bytes(figure, dpi=144):
    """The figure as the bytes of a PNG file."""
    return _render(figure, "png", dpi)


def save_figure(figure, path, dpi=144):
    """Writes the figure to `path`, whole or not at all. The format is that of the suffix: .png, .svg or .pdf."""
    file_format = Path(path).suffix[1:].lower()
    if file_format not in FORMATS:
        raise ValueError(f"The file of a figure must end in one of {FORMATS}. Received: path={path}")
    write_whole(path, _render(figure, file_format, dpi))


def _render(figure, file_format, dpi):
    buffer = io.BytesIO()
    # "tight" crops the blank margins beside a square matrix, but no labels.
    figure.savefig(buffer, format=file_format, dpi=dpi, bbox_inches="tight", pad_inches=0.08)
    return buffer.getvalue()


def new_figure(width, height):
    """A `matplotlib.figure.Figure` of a size in inches, without global state."""
    with optional_import("Drawing", "Matplotlib", "'keras_action[plot]'"):
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def draw_grid(axes):
    """Draws a light grid, and no frame above and on the right."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def shorten(text, limit=30):
    """The text with at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def text_color(background):
    """Black or white, whichever has the higher contrast (WCAG) to an RGB(A) colour in 0..1."""
    rgb = np.asarray(background[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"

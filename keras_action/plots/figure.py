"""What all figures share: making, measuring and saving them."""

import io
from pathlib import Path

import numpy as np

from keras_action.utils.files import write_whole

TRAIN_COLOR, VALIDATION_COLOR = "#0072B2", "#D55E00"
FORMATS = ("png", "svg", "pdf")
INCHES_PER_LETTER = 0.08  # at 9 points, on the safe side


def figure_to_png_bytes(figure, dpi=144):
    """The figure as the bytes of a PNG file."""
    return _render(figure, "png", dpi)


def save_figure(figure, path, dpi=144):
    """Write the figure to `path`, whole or not at all; its ending (.png, .svg, .pdf) gives the format."""
    file_format = Path(path).suffix[1:].lower()
    if file_format not in FORMATS:
        raise ValueError(f"A figure's file must end in one of {FORMATS}. Received: path={path}")
    write_whole(path, _render(figure, file_format, dpi))


def _render(figure, file_format, dpi):
    buffer = io.BytesIO()
    # "tight" cuts the blank margins that a square matrix leaves, and never a label.
    figure.savefig(buffer, format=file_format, dpi=dpi, bbox_inches="tight", pad_inches=0.08)
    return buffer.getvalue()


def new_figure(width, height):
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("Drawing needs Matplotlib. Install it with: pip install 'keras_action[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def shorten(text, limit=30):
    return text if len(text) <= limit else text[: limit - 1] + "…"


def text_color(background):
    """Black or white, whichever has the greater contrast (WCAG) on an RGB(A) colour of 0..1."""
    rgb = np.asarray(background[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"

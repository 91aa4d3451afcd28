"""Drawing of activation maps over frames."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

COLORS = "inferno"  # perceptually uniform, also for colour-blind people and in grey
DIVERGING_COLORS = "PuOr_r"  # purple, white, orange: no red and green
OPACITY = 0.6  # of the map over the frame, which is grey


def check_maps(maps, frames):
    """The maps as a dict of float32 arrays, and the frames; a `ValueError` if they do not fit."""
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise ValueError(
            f"`frames` must be uint8 of shape (T, H, W, 3). Received: dtype={frames.dtype}, shape={frames.shape}"
        )
    rows = {name: np.asarray(values, "float32") for name, values in maps.items()}
    for name, values in rows.items():
        if values.ndim not in (2, 3) or len(values) != len(frames) or not np.isfinite(values).all():
            raise ValueError(
                f"A map must be finite, (T, h, w) or (T, C), with T = {len(frames)} as the frames. "
                f"Received: {name!r} of shape {values.shape}"
            )
    if not rows:
        raise ValueError("There must be at least one map. Received: maps={}")
    return rows, frames


@dataclass(frozen=True)
class Scale:
    """The colours of the values of a row, and the levels of its lines."""

    norm: Callable  # values → 0..1, a Matplotlib norm
    colors: Callable  # 0..1 → RGBA, a Matplotlib colour map
    levels: tuple[float, ...]
    line_color: str

    @classmethod
    def of(cls, values, center):
        import matplotlib
        from matplotlib.colors import Normalize

        if center is None:
            high = max(float(values.max()), 0.0) or 1.0
            return cls(Normalize(0, high, clip=True), matplotlib.colormaps[COLORS], (high / 2,), "white")
        reach = float(np.abs(values - center).max()) or 1.0
        norm = Normalize(center - reach, center + reach)
        levels = (center - reach / 2, center + reach / 2)
        return cls(norm, matplotlib.colormaps[DIVERGING_COLORS], levels, "black")

    def __call__(self, values):
        """uint8 RGB of values of any shape."""
        return self.colors(self.norm(values), bytes=True)[..., :3]


def overlay(frames, maps, scale):
    """Frames in grey with the maps over them, uint8, and the maps at the frames' size."""
    rows, columns = (_bilinear(old, new) for old, new in zip(maps.shape[1:], frames.shape[1:3], strict=True))
    levels = np.einsum("Yy,tyx,Xx->tYX", rows, maps, columns)
    grey = frames @ np.array([0.299, 0.587, 0.114])
    mixed = (1 - OPACITY) * grey[..., None] + OPACITY * scale(levels)
    return mixed.astype("uint8"), levels


def _bilinear(old, new):
    """The matrix (new, old) that resizes a row of pixels, constant beyond the centres of the first and last pixel."""
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(old)))


def color_bar(figure, axes, scale, unit):
    from matplotlib.cm import ScalarMappable

    ends = [scale.norm.vmin, scale.norm.vmax]
    bar = figure.colorbar(ScalarMappable(scale.norm, scale.colors), cax=axes, ticks=ends, format="{x:.3g}")
    bar.ax.tick_params(labelsize=8, length=2)
    bar.set_label(unit, fontsize=8, labelpad=-6)
    bar.outline.set_visible(False)


def set_title(axes, text):
    axes.set_title(text, loc="left", fontsize=9, pad=3)

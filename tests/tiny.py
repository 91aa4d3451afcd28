"""A backbone so small that training it takes seconds, and videos to go with it."""

import functools

import keras
import numpy as np

from keras_action.data import write_video
from keras_action.models.backbones import BACKBONES, Backbone, Preprocessing, Variant
from keras_action.training.recipe import Recipe


def tiny_backbone(input_shape, include_top, weights, alpha=1.0, stem_norm=False):
    x = inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 3, strides=4, padding="same", name="stem")(x)
    if stem_norm:
        x = keras.layers.BatchNormalization(name="stem_norm")(x)
    y = keras.layers.Conv2D(8, 1, name="branch")(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    return keras.Model(inputs, keras.layers.Add(name="add")([x, y]))


def register(monkeypatch):
    """Makes two backbones known: `tiny`, and `tiny_norm` with a normalisation before the first block, as real ones."""
    variant = Variant(Preprocessing((1 / 255,) * 3, (-0.5,) * 3))
    for name, constructor in (("tiny", tiny_backbone), ("tiny_norm", functools.partial(tiny_backbone, stem_norm=True))):
        monkeypatch.setitem(BACKBONES, name, Backbone(constructor, {"keras": variant}))


def recipe(**fields):
    """A recipe of the tiny backbone; dropout stays, so that a resumed run must have its state as well."""
    tiny = {"backbone": "tiny", "weights": None, "num_segments": 2, "input_size": 32, "batch_size": 4, "epochs": 3}
    # Not compiled by XLA: that takes longer than all the steps of these runs.
    return Recipe().replace(**{**tiny, "warmup_epochs": 0.5, "learning_rate": 0.02, "jit_compile": False, **fields})


def write_videos(folder, per_class=6, broken=()):
    """A folder of bright and of dark videos, and its CSV; the files of these numbers are not videos."""
    rows, rng = ["path,label"], np.random.default_rng(0)
    for i in range(2 * per_class):
        label = ("bright", "dark")[i % 2]
        path = folder / f"{label}_{i}.mp4"
        if i in broken:
            path.write_text("this is no video")
        else:
            light = 190 if label == "bright" else 60
            write_video(path, rng.integers(light - 40, light + 40, (6, 32, 40, 3)).astype("uint8"), fps=6)
        rows.append(f"{path.name},{label}")
    csv = folder / "clips.csv"
    csv.write_text("\n".join(rows) + "\n")
    return csv

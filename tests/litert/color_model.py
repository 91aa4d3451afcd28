"""A small model whose answer is known: it names the colour of a clip. It has an `Action` layer."""

import keras
import numpy as np

from keras_action.layers import Action, FoldTime, TemporalShift, UnfoldTime

LABELS = ("none", "red", "green", "blue")
KNOWS_STREAMS = {"trained_on_streams": True}
CLIP_SHAPE = (4, 16, 16, 3)


def make_color_model(num_segments=4, size=16, causal=False):
    """Clips `(B, T, H, W, 3)` → logits `(B, 4)`: high for `none` where it is dark."""
    keras.utils.set_random_seed(0)
    clip = keras.Input((num_segments, size, size, 3), name="clip")
    x = FoldTime()(clip)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.Conv2D(16, 1, use_bias=False, name="widen")(x)
    x = Action(num_segments, shift="fixed", causal=causal, name="action")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(4, name="classifier")(x)
    x = keras.layers.Reshape((4,))(x)
    x = UnfoldTime(num_segments)(x)
    logits = keras.layers.GlobalAveragePooling1D(name="logits")(x)
    model = keras.Model(clip, logits)
    # Each colour has five of the sixteen channels; the excitations multiply them by 3 to 6.
    model.get_layer("widen").kernel.assign(np.eye(3)[np.arange(16) % 3].T[None, None])
    kernel = 4 * (np.eye(3)[np.arange(16) % 3] * 2 - 1)
    kernel = np.concatenate([np.zeros((16, 1)), kernel / 5], axis=1)
    model.get_layer("classifier").set_weights([kernel, np.array([0.0, -4, -4, -4])])
    return model


def make_causal_model():
    """As small, and causal, with random weights: it has a streaming twin."""
    keras.utils.set_random_seed(0)
    clip = keras.Input(CLIP_SHAPE, name="clip")
    x = keras.layers.Rescaling(1 / 255)(FoldTime()(clip))
    x = keras.layers.Conv2D(8, 3, name="conv")(x)
    x = TemporalShift(4, causal=True, name="shift")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    x = UnfoldTime(4)(keras.layers.Dense(4, name="classifier")(x))
    return keras.Model(clip, keras.layers.GlobalAveragePooling1D(name="logits")(x))


def color_clips(count=12, seed=0):
    """uint8 clips `(N, 4, 16, 16, 3)` of the colours of `LABELS` in turn, and their ids."""
    rng = np.random.default_rng(seed)
    ids = np.arange(count) % 4
    clips = rng.integers(0, 60, (count, *CLIP_SHAPE))
    for clip, label in zip(clips, ids, strict=True):
        if label:
            clip[..., label - 1] += 180
    return clips.astype("uint8"), ids


def write_color_run(folder, causal=False, labels=LABELS):
    """A training run's folder with the colour model, which names the colour of a clip of one second, in streams too."""
    from keras_action.data import Augmentation
    from keras_action.training.recipe import Recipe
    from keras_action.training.run import write_run

    folder.mkdir(parents=True)
    make_color_model(causal=causal).save(folder / "best.keras")
    recipe = Recipe(
        model="tsn", num_segments=4, input_size=16, weights=None, causal=causal, augmentation=Augmentation()
    )
    write_run(folder, recipe, labels, 1.0, trained_on_streams=True)
    return folder


def write_color_file(path, labels=LABELS, metadata=KNOWS_STREAMS):
    """An int8 LiteRT file of the colour model."""
    from keras_action.litert import convert

    clips, _ = color_clips()
    options = {"labels": labels, "clip_seconds": 1.0, "metadata": metadata}
    convert(make_color_model(), path, "int8", representative_clips=clips, **options)
    return path

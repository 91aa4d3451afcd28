import keras
import numpy as np
import pytest

from keras_action.training.build import build_model
from keras_action.training.memory import train_memory
from tests import tiny

T, SIZE = 6, 16


def sequences(count, batch_size=4):
    """Sequences in which white frames are a gesture that is named one step later, as a memory can."""
    tf = pytest.importorskip("tensorflow")
    rng = np.random.default_rng(0)
    white = rng.random((count, T)) < 0.3
    labels = np.pad(white[:, :-1], ((0, 0), (1, 0))).astype(int)
    frames = np.where(white[..., None, None, None], 255, 0) * np.ones((1, 1, SIZE, SIZE, 3))
    weights = np.where(labels > 0, 1.0, 0.5).astype(np.float32)
    arrays = frames.astype(np.uint8), np.eye(2, dtype=np.float32)[labels], weights
    return tf.data.Dataset.from_tensor_slices(arrays).repeat().batch(batch_size)


def test_a_memory_learns_behind_frozen_features(monkeypatch):
    tiny.register(monkeypatch)
    keras.utils.set_random_seed(0)
    recipe = tiny.recipe(causal=True, memory=8, return_sequences=True, num_segments=T, input_size=SIZE)
    model = build_model(recipe, 2)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    history = train_memory(model, sequences(64), steps=16, epochs=25, learning_rate=0.03, batch_size=16)
    assert history.history["accuracy"][-1] > 0.95
    for layer in model.layers:
        same = all(map(np.array_equal, layer.get_weights(), before[layer.name]))
        assert same != (layer.name in ("memory", "classifier")), layer.name
    frames, targets, _ = next(sequences(64, 64).as_numpy_iterator())
    assert (keras.ops.convert_to_numpy(model(frames)).argmax(-1) == targets.argmax(-1)).mean() > 0.95

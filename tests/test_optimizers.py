import keras
import numpy as np

from keras_action.optimizers import AdamW


def test_biases_and_norms_do_not_decay_even_after_loading(tmp_path):
    x = inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(4, name="dense")(x))
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(x))
    model.compile(AdamW(learning_rate=0.0, weight_decay=0.5), "mse")
    data = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
    model.fit(*data, verbose=0)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        assert isinstance(each.optimizer, AdamW)
        decays = {w.path: bool(each.optimizer._use_weight_decay(w)) for w in each.trainable_weights}
        assert decays == {path: path.endswith("kernel") for path in decays}

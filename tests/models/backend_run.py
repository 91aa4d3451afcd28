"""One epoch of a saved model on the backend of this process, as a program: `backend_run.py MODEL CLIPS RESULTS`.

Results are an `.npz`: logits and weights before training and after, and the losses of the steps.
"""

import sys

import keras
import numpy as np

import keras_action  # noqa: F401  the layers' classes, for loading


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"])


def main(model_path, clips_path, results_path):
    with np.load(clips_path) as archive:
        clips, labels = archive["clips"], archive["labels"]
    model = keras.saving.load_model(model_path)
    model.compile(
        optimizer=keras.optimizers.SGD(0.001, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=model.output.dtype),
        run_eagerly=keras.backend.backend() != "jax",  # to trace takes longer than two steps; JAX compiles either way
    )
    initial = {f"initial/{weight.path}": keras.ops.convert_to_numpy(weight) for weight in model.weights}
    before = model.predict(clips, batch_size=2, verbose=0)
    losses = Losses()
    model.fit(clips, labels, batch_size=2, epochs=1, shuffle=False, verbose=0, callbacks=[losses])
    model.save(model_path.replace(".keras", f".{keras.backend.backend()}.keras"))
    weights = {f"weight/{weight.path}": keras.ops.convert_to_numpy(weight) for weight in model.weights}
    after = model.predict(clips, batch_size=2, verbose=0)
    np.savez(results_path, before=before, losses=losses.values, after=after, **initial, **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])

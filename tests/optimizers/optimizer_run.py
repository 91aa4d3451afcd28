"""Trainings with `ParameterGroupSGD` on the backend of this process, as a program: `optimizer_run.py REPLICAS RESULTS`.

Results are an `.npz`: the weights after each of `CASES`, in float32 and in mixed precision, and
`finite_after_overflow`.
"""

import contextlib
import sys

import keras
import numpy as np

from keras_action.optimizers.parameter_group_sgd import ParameterGroupSGD

CASES = {
    "plain": {},
    "ema": {"use_ema": True, "ema_momentum": 0.5},
    "accumulation": {"gradient_accumulation_steps": 2},
}
DTYPES = ("float32", "mixed_float16")
# On replicas: the exact numbers of the shortest way, and the longest way. The other two take parts of it.
ON_REPLICAS = {("plain", "float32"), ("ema", "mixed_float16")}


@contextlib.contextmanager
def dtype_policy(dtype):
    """The global policy, which a model asks when it is made and `compile` when it may have to scale the loss."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    yield
    keras.config.set_dtype_policy(policy)


def make_model(dtype="float32", **options):
    """A compiled model with a variable of each group, the same at every call."""
    with dtype_policy(dtype):
        inputs = keras.Input((6, 6, 3))
        x = keras.layers.Conv2D(4, 3)(inputs)
        x = keras.layers.LayerNormalization()(x)  # a batch normalisation would not be the same on two replicas
        x = keras.layers.DepthwiseConv2D(3, activation="relu")(x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        model = keras.Model(inputs, keras.layers.Dense(3, dtype="float32")(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0.2, 0.3, weight.shape) for weight in model.weights])
    optimizer = ParameterGroupSGD(0.02, global_clipnorm=0.1, weight_decay=0.05, **options)
    # XLA takes longer than these steps, and does not reach what replicas exchange.
    model.compile(optimizer, loss="mse", jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")
    return model


def data():
    """Clips of the batches' size, and targets so small that Keras' first loss scale of 2^15 overflows nowhere."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(16, 6, 6, 3)).astype("float32"), 0.3 * rng.normal(size=(16, 3)).astype("float32")


def train(model, epochs=3, initial_epoch=0):
    """Fits with a learning rate that falls from epoch to epoch, and returns the weights."""
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.02 * 0.5**epoch)
    model.fit(
        *data(),
        batch_size=4,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        callbacks=[schedule],
        verbose=0,
    )
    return model.get_weights()


def is_finite_after_overflow(model):
    """Whether weights stay finite where the second half of each batch, the last replica's, overflows in float16."""
    clips, targets = data()
    targets = np.where(np.arange(len(targets))[:, None] % 4 < 2, targets, 1e3)
    model.fit(clips, targets, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return all(np.isfinite(weight).all() for weight in model.get_weights())


def main(replicas, results_path):
    scope = contextlib.nullcontext()
    if int(replicas) > 1:
        import tensorflow as tf

        devices = [tf.config.LogicalDeviceConfiguration()] * int(replicas)
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
        scope = tf.distribute.MirroredStrategy().scope()
    weights, models = {}, {}
    with scope:
        for case, options in CASES.items():
            for dtype in DTYPES:
                if int(replicas) > 1 and (case, dtype) not in ON_REPLICAS:
                    continue
                model = models[case, dtype] = make_model(dtype, **options)
                for i, weight in enumerate(train(model)):
                    weights[f"{case}/{dtype}/{i}"] = weight
        finite = is_finite_after_overflow(models["ema", "mixed_float16"])  # which is traced already
    np.savez(results_path, finite_after_overflow=finite, **weights)


if __name__ == "__main__":
    main(*sys.argv[1:])

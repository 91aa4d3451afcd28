"""Runs of `keras_action.train`, as a program: `distribution_run.py DEVICES CLIPS RUNS`.

DEVICES are TensorFlow's logical CPUs; those of JAX come from the environment. RUNS is a JSON list of objects with the
run's `folder`, and what is wanted else of `strategy`, `recipe` (fields of the tiny recipe), `stop_at` and `kill_at`
(epochs after whose first step it is stopped, or this process is killed). Errors of a run are printed.
"""

import json
import os
import signal
import sys

import keras
import pytest

import keras_action
from keras_action.data import read_annotations
from tests import tiny


class Stop(keras.callbacks.Callback):
    def __init__(self, stop_at=None, kill_at=None):
        super().__init__()
        self.stop_at, self.kill_at = stop_at, kill_at

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.stop_at:
            raise KeyboardInterrupt
        if self.now == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def train(clips, folder, strategy="none", recipe=(), **stop):
    annotations = read_annotations(clips)
    validation = type(annotations)(annotations.clips[:9], annotations.labels)  # no multiple of the batch
    keras_action.train(
        tiny.recipe(**{"epochs": 2, **dict(recipe)}),
        annotations,
        validation,
        folder,
        callbacks=[Stop(**stop)],
        tensorboard=strategy == "data_parallel",
        strategy=strategy,
    )


def main(devices, clips, runs):
    import tensorflow as tf

    logical = [tf.config.LogicalDeviceConfiguration()] * int(devices)
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], logical)
    tiny.register(pytest.MonkeyPatch())
    for run in json.loads(runs):
        # To trace takes longer than these runs; replicas need a graph.
        is_eager = keras.backend.backend() == "tensorflow" and run.get("strategy", "none") == "none"
        tf.config.run_functions_eagerly(is_eager)
        try:
            train(clips, **run)
        except (KeyboardInterrupt, ValueError) as error:
            print(f"{type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

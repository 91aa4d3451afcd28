"""Training on several devices and hosts."""

import functools
import os
import zlib
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import keras
import numpy as np

from keras_action.utils.fields import check_choice
from keras_action.utils.lazy import tensorflow as tf

STRATEGIES = ("none", "mirrored", "data_parallel")
_BACKENDS = {"mirrored": "tensorflow", "data_parallel": "jax"}
_PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"


@dataclass(frozen=True)
class Engine:
    """The devices and processes that train a run.

    Attributes:
        strategy: One of `STRATEGIES`.
        replicas: Number of devices, of all processes together, that share each batch.
        process: Number of this process, from 0.
        processes: Number of processes.
        scope: Context in which the model is built, loaded and trained.
    """

    strategy: str = "none"
    replicas: int = 1
    process: int = 0
    processes: int = 1
    scope: AbstractContextManager = field(default_factory=nullcontext)

    @property
    def is_main(self):
        """Whether this process writes the run's folder."""
        return self.process == 0

    @property
    def shard(self):
        """The part of each batch that this process reads, as `keras_action.data.training_dataset` takes it."""
        return self.process, self.processes

    @property
    def jit_compile(self):
        """The value for a recipe with `jit_compile=None`. XLA does not work across MirroredStrategy's devices."""
        return False if self.strategy == "mirrored" and self.replicas > 1 else "auto"

    def wait(self):
        """Waits for all processes."""
        self.check_same("", "")

    def check_same(self, text, problem):
        """Waits for all processes, and raises a `ValueError` in each of them if their texts differ."""
        if self.processes == 1:
            return
        from jax.experimental.multihost_utils import process_allgather

        sums = np.ravel(process_allgather(np.uint32(zlib.crc32(text.encode()))))
        if (sums != sums[0]).any():
            groups = [np.flatnonzero(sums == value).tolist() for value in np.unique(sums)]
            raise ValueError(f"{problem} Received: processes {groups} differ, number {self.process} has {text}")


def start(strategy, recipe):
    """Chooses the devices of a run, and checks that the recipe can be trained on them.

    It connects the processes that are set in the environment (`KERAS_DISTRIBUTION_NUM_PROCESSES`). It must be called
    before any computation with JAX.

    Args:
        strategy: One of `STRATEGIES`.
        recipe: The `keras_action.Recipe`.

    Returns:
        The `Engine`.

    Raises:
        ValueError: If the strategy is unknown, or does not work with this backend or recipe.
    """
    check_choice("strategy", strategy, STRATEGIES)
    backend = keras.backend.backend()
    needed = _BACKENDS.get(strategy, backend)
    if backend != needed:
        raise ValueError(
            f"Strategy {strategy!r} needs the {needed} backend: set KERAS_BACKEND={needed}. "
            f"Received: strategy={strategy!r} with backend={backend!r}"
        )
    if strategy == "mirrored" and recipe.gradient_accumulation_steps > 1:
        raise ValueError(
            "Keras cannot accumulate gradients under MirroredStrategy: train with gradient_accumulation_steps=1, or "
            "with another strategy. "
            f"Received: strategy='mirrored', gradient_accumulation_steps={recipe.gradient_accumulation_steps}"
        )
    if recipe.synchronized_batch_norm and backend != "tensorflow":
        raise ValueError(
            "`synchronized_batch_norm` needs the tensorflow backend; on JAX the statistics are those of the whole "
            f"batch anyway. Received: synchronized_batch_norm=True with backend={backend!r}"
        )
    if backend != "tensorflow":
        _keep_tensorflow_off_the_gpus()
    engine = {"none": Engine, "mirrored": _mirrored, "data_parallel": _data_parallel}[strategy]()
    if recipe.clips_per_step % engine.replicas:
        raise ValueError(
            f"The clips of a batch must be a multiple of the {engine.replicas} devices. Received: "
            f"batch_size={recipe.batch_size}, gradient_accumulation_steps={recipe.gradient_accumulation_steps}"
        )
    if strategy != "none" and engine.is_main:
        print(f"Training on {engine.replicas} device(s) of {engine.processes} process(es), strategy {strategy}.")
    return engine


@contextmanager
def undistributed():
    """A context in which Keras creates variables on this process alone, without waiting for the others."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def is_main_process():
    """Whether this process is the first of several that train together, or the only one."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


@functools.cache
def _mirrored_strategy():
    """The only MirroredStrategy of this process: collective operations of two would have the same keys."""
    return tf.distribute.MirroredStrategy()


def _mirrored():
    strategy = _mirrored_strategy()
    return Engine("mirrored", strategy.num_replicas_in_sync, scope=strategy.scope())


def _data_parallel():
    import jax

    if _PROCESSES in os.environ and not jax.distributed.is_initialized():
        keras.distribution.initialize()
    # Each process reads its own part of a batch, where Keras' auto-sharding would decode all clips on every host.
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    return Engine(
        "data_parallel",
        distribution.num_model_replicas,
        jax.process_index(),
        jax.process_count(),
        distribution.scope(),
    )


def _keep_tensorflow_off_the_gpus():
    """Keeps TensorFlow, which only reads data here, from taking all the memory of the GPUs."""
    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:  # TensorFlow has been initialised
        return

"""Callbacks of a training run, which can be interrupted at any time and resumed."""

import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from keras_action.training.distribution import undistributed
from keras_action.training.run import BEST, LAST, LOG, damaged_message, save_keras_file
from keras_action.utils.epoch_log import read_epochs
from keras_action.utils.files import write_csv

_EPOCHS = "keras_action_epochs.txt"


def finished_epochs(folder):
    """The number of epochs that the `last.keras` of a run was trained for; 0 if there is no such file.

    Raises:
        ValueError: If the file is damaged, or was not written by a run.
    """
    path = Path(folder) / LAST
    if not path.is_file():
        return 0
    try:
        with zipfile.ZipFile(path) as archive:
            return int(archive.read(_EPOCHS))
    except zipfile.BadZipFile as error:
        raise ValueError(damaged_message(path)) from error
    except KeyError:
        raise ValueError(
            f"The {LAST} in the folder of a run must be of that run. Received: {path}, which was not written by a run"
        ) from None


class Checkpoints(keras.callbacks.Callback):
    """Writes `last.keras` after each epoch, and `best.keras` when validation accuracy rises; each whole or not at all.

    Args:
        folder: The run's folder.
        best: The highest validation accuracy so far.
        monitor: Name of the value that is highest in the best epoch. Without validation, the last epoch is the best.
        average: The `SwapEMAWeights` of the run, if `best.keras` is to contain the average of the weights.
        writes: Whether this process writes the files; of several processes only one does.
    """

    def __init__(self, folder, best=-1.0, monitor="val_accuracy", average=None, writes=True):
        super().__init__()
        self.average = average
        self.writes = writes
        self.folder = Path(folder)
        self.best = best
        self.monitor = monitor

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get(self.monitor)
        if value is None or value > self.best:
            self._save_best()
            self.best = self.best if value is None else value
        # Last, as it contains the number of finished epochs: the other files of this epoch must be on disk.
        self._save(LAST, epochs=epoch + 1)

    def _save_best(self):
        if self.average is None:
            self._save(BEST)
            return
        # Exchanges weights and average, as for a validation.
        self.average.on_test_begin()
        try:
            self._save(BEST)
        finally:
            self.average.on_test_end()

    def _save(self, name, epochs=None):
        if not self.writes:
            return
        # In the same file, so that an interruption can't separate the two. The optimiser's iterations are no
        # substitute: with float16 they do not include skipped steps.
        texts = None if epochs is None else {_EPOCHS: str(epochs)}
        with undistributed():  # saving creates an optimiser
            save_keras_file(self.model, self.folder / name, texts)


class EpochLog(keras.callbacks.Callback):
    """Writes `log.csv`: a row for each epoch, with the learning rate at its end and the clips per second.

    Both are added to the logs, for callbacks after it such as TensorBoard's.

    Args:
        folder: The run's folder.
        rows: The rows of earlier epochs, as `read_log` returns them.
        clips_per_epoch: Integer, for the clips per second; `None` for none.
        writes: Whether this process writes the file.
    """

    def __init__(self, folder, rows=(), clips_per_epoch=None, writes=True):
        super().__init__()
        self.path = Path(folder) / LOG
        self.rows = list(rows)
        self.clips_per_epoch = clips_per_epoch
        self.writes = writes

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.monotonic()
        self._trained = None

    def on_test_begin(self, logs=None):
        self._trained = time.monotonic()  # validation inside an epoch: its training is over

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        if self.clips_per_epoch:
            logs["clips_per_second"] = self.clips_per_epoch / ((self._trained or time.monotonic()) - self._started)
        self.rows.append({"epoch": epoch, **{name: float(value) for name, value in logs.items()}})
        if self.writes:
            names = list(dict.fromkeys(name for row in self.rows for name in row))
            write_csv(self.path, names, ([row.get(name, "") for name in names] for row in self.rows))


class SeedEpochs(keras.callbacks.Callback):
    """Seeds dropout at each epoch, as `.keras` files do not contain the states of random seed generators.

    Args:
        seed: Integer, the run's seed.
    """

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_begin(self, epoch, logs=None):
        for number, layer in enumerate(self.model.layers):
            if hasattr(layer, "seed_generator"):
                state = np.random.SeedSequence([self.seed, epoch, number]).generate_state(2)
                layer.seed_generator.state.assign(state.astype("uint32") % 2**31)


class StopOnBadLoss(keras.callbacks.Callback):
    """Stops a run whose loss is no longer finite, and names the clips of the batch.

    Args:
        clips_of_step: A function from epoch and step, both from 0, to the names of a batch's clips.
    """

    def __init__(self, clips_of_step):
        super().__init__()
        self.clips_of_step = clips_of_step

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            clips = "\n".join(f"  {name}" for name in self.clips_of_step(self.epoch, batch))
            raise FloatingPointError(
                f"The loss is no longer finite in step {batch + 1} of epoch {self.epoch + 1}: a lower learning rate "
                f"may help. Received: loss={loss}, with the clips\n{clips}"
            )


def read_log(folder, before_epoch=None):
    """The rows of a run's `log.csv`, up to an epoch; see `read_epochs`. Empty if there is no log."""
    path = Path(folder) / LOG
    rows = read_epochs(path) if path.is_file() else []
    return [row for row in rows if before_epoch is None or row["epoch"] < before_epoch]

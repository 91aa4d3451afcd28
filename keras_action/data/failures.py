"""A log of the clips of a data set that can't be decoded, and the error raised if there are too many."""

import contextlib
import threading
import warnings

from keras_action.utils.lazy import tensorflow as tf


class TooManyFailuresError(RuntimeError):
    """More clips of a data set can't be decoded than its `FailureLog` allows."""


class FailureLog:
    """The clips that can't be decoded, with the reasons. Safe to use from many threads.

    The first failure of each file, in a shard of each clip, is a warning. `TooManyFailuresError` is raised when more
    than `max_share` of the clips have failed. Inside a `tf.data` pipeline TensorFlow turns it into a
    `tf.errors.OpError`: call `raise_if_too_many` where you catch that error, to raise the original one.

    Args:
        max_share: Share of the clips, from 0 to 1, that may fail.
        total: Clips in the set; `None` to let the data set that takes the log set it.

    Example:

    ```python
    failures = FailureLog()
    dataset = training_dataset(annotations, num_segments=8, input_size=64, batch_size=16, failures=failures)
    try:
        model.fit(dataset, steps_per_epoch=steps_per_epoch(len(annotations), 16))
    except tf.errors.OpError:
        failures.raise_if_too_many()
        raise
    print(failures.summary())
    ```
    """

    def __init__(self, max_share=0.1, total=None):
        if not 0 <= max_share <= 1:
            raise ValueError(f"`max_share` must be from 0 to 1. Received: max_share={max_share}")
        self.max_share = max_share
        self.total = total
        self._reasons = {}
        self._lock = threading.Lock()

    def __len__(self):
        return len(self._reasons)

    def __contains__(self, clip):
        return clip in self._reasons

    @property
    def failures(self):
        """The failed clips and the reasons: a dictionary of `Clip` → text, in the order of the paths."""
        with self._lock:
            return dict(sorted(self._reasons.items(), key=lambda item: (item[0].path, item[0].start or 0)))

    def add(self, clip, reason):
        """Notes that `clip`, a `Clip`, failed for `reason`, a text or an exception."""
        with self._lock:
            if clip in self._reasons:
                return
            known = any((other.name or other.path) == (clip.name or clip.path) for other in self._reasons)
            self._reasons[clip] = str(reason)
        if not known:
            warnings.warn(f"A clip is left out: {reason}", stacklevel=2)
        self.raise_if_too_many()

    def raise_if_too_many(self):
        """Raises `TooManyFailuresError` if more than `max_share` of the clips have failed."""
        if self.total is not None and len(self) > self.max_share * self.total:
            raise TooManyFailuresError(
                f"More than {self.max_share:.0%} of {self.total} clips can't be decoded.\n{self.summary()}"
            )

    def summary(self, limit=20):
        """A text that counts the failed clips and names the first `limit` of them with the reasons."""
        failures = self.failures
        if not failures:
            return "All clips that were read could be decoded."
        of_total = "" if self.total is None else f" of {self.total}"
        lines = [f"{len(failures)}{of_total} clips could not be decoded:"]
        lines += [f"  {reason}" for reason in list(failures.values())[:limit]]
        if len(failures) > limit:
            lines.append(f"  … and {len(failures) - limit} more")
        return "\n".join(lines)


def failure_log(failures, total):
    """The `FailureLog` of a data set of `total` clips: the one given, or a new one for `None`."""
    failures = FailureLog() if failures is None else failures
    if failures.total is None:
        failures.total = total
    return failures


@contextlib.contextmanager
def plain_failures(*logs):
    """A context that raises the `TooManyFailuresError` of a log in place of the `tf.errors.OpError` of `tf.data`."""
    try:
        yield
    except tf.errors.OpError:
        for log in logs:
            log.raise_if_too_many()
        raise


def print_failures(training, validation):
    """Prints the clips of the two sets of a training that could not be decoded, if any."""
    for name, log in (("training", training), ("validation", validation)):
        if len(log):
            print(f"In the {name} set, {log.summary()}")

"""Prevents a deadlock of data sets at the exit of Python."""

import atexit
import functools
import threading
import time

_QUIET_SECONDS, _PATIENCE_SECONDS = 0.05, 10.0


class ExitGate:
    """A context for calls of Python from the threads of a data set; it is closed at the exit of Python.

    An iterator over an infinite data set reads ahead until it is deleted, which then waits for its threads. At the exit
    of Python, a thread that calls Python waits forever. So the gate is closed before: calls return black frames without
    reading, which fill the buffers of the iterator, and its threads stop.

    Example:

    ```python
    with exit_gate() as is_open:
        if not is_open:
            return black_frames
        return read_frames()
    ```
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._active, self._last = 0, 0.0
        self._open = True

    def __enter__(self):
        with self._lock:
            self._active += 1
            self._last = time.monotonic()
            return self._open

    def __exit__(self, *_):
        with self._lock:
            self._active -= 1

    def close(self):
        """Closes the gate, and waits until no call is active."""
        self._open = False
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (self._active or time.monotonic() < self._last + _QUIET_SECONDS) and time.monotonic() < deadline:
            time.sleep(_QUIET_SECONDS / 5)


@functools.cache
def exit_gate():
    """The `ExitGate` of the process, which has one exit. To be called where a data set is made, not in its threads."""
    gate = ExitGate()
    atexit.register(gate.close)
    return gate

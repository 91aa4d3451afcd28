import os
import time

import pytest

from benchmarks.processes import alone


def test_a_function_has_a_process_and_a_limit():
    assert alone(divmod, 7, 2) == (3, 1)
    assert alone(os.getpid) != os.getpid()
    with pytest.raises(RuntimeError, match=r"^ZeroDivisionError: "):
        alone(divmod, 7, 0, limit=60)
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="no time left"):
        alone(time.sleep, 60, limit=0.1)
    assert time.monotonic() - start < 20


def test_a_killed_process_is_an_error():
    with pytest.raises(RuntimeError, match="its process was killed"):
        alone(os._exit, 1)

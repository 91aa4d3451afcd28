import ctypes
import gc
import sys

import pytest


def pytest_collection_finish(session):
    """Hides what the test modules import from the garbage collector, and lets it look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(2000, 10, 15)


@pytest.fixture(autouse=True)
def memory(request):
    """Frees the models and kernels of a slow test after it: those of every backbone together do not fit."""
    yield
    if request.node.get_closest_marker("slow") and "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
        if sys.platform == "linux":  # what TensorFlow freed stays with the C library otherwise: 15 GB after 60 models
            ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def eager(request):
    """Runs what a test trains or predicts eagerly (see `eagerly`), but in tests marked `graph`."""
    if request.node.get_closest_marker("graph"):
        yield
        return
    pytest.importorskip("keras")
    from tests.test_case import eagerly

    with eagerly():
        yield

import sys

import pytest


@pytest.fixture(autouse=True)
def memory(request):
    """Frees the models and kernels of a slow test after it: those of every backbone together do not fit."""
    yield
    if request.node.get_closest_marker("slow") and "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()


@pytest.fixture
def eager(request):
    """Runs TensorFlow's functions eagerly, but in tests marked `graph`: to trace takes longer than a tiny model."""
    if request.node.get_closest_marker("graph"):
        yield
        return
    tf = pytest.importorskip("tensorflow")
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)

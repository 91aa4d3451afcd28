import pytest


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

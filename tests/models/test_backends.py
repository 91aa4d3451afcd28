"""One model on all backends that are installed: the same logits, and the same epoch of training."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_action
from tests import tiny
from tests.test_case import dtype_policy, numpy

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]


def run(backend, model, clips, results):
    code = [sys.executable, "-m", "tests.models.backend_run", str(model), str(clips), str(results)]
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(code, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(results) as archive:
        return {key: archive[key] for key in archive.files}


def changes(results):
    """What the training changed in all weights, as one vector."""
    pairs = ((key, key.replace("initial/", "weight/")) for key in results if key.startswith("initial/"))
    return np.concatenate([(results[new] - results[old]).ravel() for old, new in pairs])


@pytest.mark.slow
@pytest.mark.skipif(len(BACKENDS) < 2, reason="one backend alone is installed")
@pytest.mark.parametrize("name", ["tiny", "mobilenet_v2", "resnet50", "bn_inception"])
def test_an_epoch_is_the_same_on_every_backend(name, tmp_path, monkeypatch):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("runs all backends from one")
    tiny.register(monkeypatch)
    options = {"alpha": 0.35} if name == "mobilenet_v2" else {}
    keras.utils.set_random_seed(0)
    # In double precision: batch normalisation of few small maps magnifies rounding where a variance is near zero, and
    # differently on each processor. Without the preprocessing, whose constants TensorFlow has in single precision.
    with dtype_policy("float64"):
        model = keras_action.build_action_net(
            name, 3, num_segments=2, input_size=64, dropout=0.0, include_preprocessing=False, **options
        )
    model.save(tmp_path / "model.keras")
    rng = np.random.default_rng(0)
    clips = rng.uniform(-1, 1, (4, 2, 64, 64, 3)).astype("float32")
    np.savez(tmp_path / "clips.npz", clips=clips, labels=np.array([0, 1, 2, 0]))

    first, *others = (
        run(backend, tmp_path / "model.keras", tmp_path / "clips.npz", tmp_path / f"{backend}.npz")
        for backend in BACKENDS
    )
    change = changes(first)
    assert np.linalg.norm(change) > 0
    for other in others:
        for key in ("before", "losses"):
            np.testing.assert_allclose(other[key], first[key], atol=1e-4 * np.abs(first[key]).max(), err_msg=key)
        assert np.linalg.norm(changes(other) - change) < 0.01 * np.linalg.norm(change)
    # What one backend saved, another one goes on with.
    for backend, results in zip(BACKENDS, [first, *others], strict=True):
        loaded = keras.saving.load_model(tmp_path / f"model.{backend}.keras")
        for weight in loaded.weights:
            np.testing.assert_array_equal(numpy(weight), results[f"weight/{weight.path}"])

import keras
import numpy as np
import pytest

import keras_action
from keras_action.data import read_annotations
from keras_action.training.build import build_model, compile_model
from keras_action.training.resume import load_average, restore
from tests import tiny

pytestmark = pytest.mark.usefixtures("eager")


def arrays(model):
    return {variable.path: np.array(variable) for variable in model.weights}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"backbone": "tiny_norm", "partial_batch_norm": True, "frozen_epochs": 1}, id="norms"),
        pytest.param({"mixed_precision": "mixed_float16"}, id="float16", marks=[pytest.mark.slow, pytest.mark.graph]),
    ],
)
def test_the_average_in_last_keras_is_that_of_best_keras(tmp_path, monkeypatch, fields):
    tiny.register(monkeypatch)
    annotations, folder = read_annotations(tiny.write_videos(tmp_path)), tmp_path / "run"
    # Without validation the last epoch is the best.
    keras_action.train(tiny.recipe(epochs=2, ema_momentum=0.9, **fields), annotations, None, folder, tensorboard=False)
    best, last = (keras_action.load_run(folder / name) for name in ("best.keras", "last.keras"))
    expected, raw, average = (arrays(model) for model in (best.load_model(), last.load_model(), load_average(last)))
    for path, value in average.items():
        np.testing.assert_allclose(value, expected[path], rtol=1e-5, atol=1e-6, err_msg=path)
    assert any(np.abs(value - raw[path]).max() > 1e-4 for path, value in average.items())
    with pytest.raises(
        ValueError, match=r"Only the last\.keras of a run .*Received: .*best\.keras, with ema_momentum=0\.9"
    ):
        load_average(best)


def test_another_optimisers_state_is_an_error(tmp_path, monkeypatch):
    """Of which Keras only warns, and leaves the optimiser as it is."""
    tiny.register(monkeypatch)
    recipe, models = tiny.recipe(), []
    for partial in (False, True):
        models.append(build_model(recipe.override([f"partial_batch_norm={partial}"]), 2))
        compile_model(models[-1], recipe.override([f"partial_batch_norm={partial}"]), steps=3, frozen=False)
    first, second = models
    first.optimizer.build(first.trainable_variables)
    first.optimizer.iterations.assign(7)
    first.save(tmp_path / "last.keras")
    restore(first, tmp_path / "last.keras")
    assert int(keras.ops.convert_to_numpy(first.optimizer.iterations)) == 7
    with pytest.raises(ValueError, match=r"Received: .*last\.keras: (.|\n)*Skipping variable loading"):
        restore(second, tmp_path / "last.keras")

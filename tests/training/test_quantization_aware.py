import warnings

import numpy as np
import pytest

from keras_action import data, load_run, train
from keras_action.training.quantization_aware import fine_tune
from tests import tiny


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of the tiny backbone, and its clips; the backbone is known only meanwhile."""
    folder = tmp_path_factory.mktemp("fine_tuning")
    annotations = data.read_annotations(tiny.write_videos(folder, per_class=4))
    with pytest.MonkeyPatch.context() as monkeypatch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiny.register(monkeypatch)
        recipe = tiny.recipe(epochs=1, model="tsn")
        yield train(recipe, annotations, annotations, folder / "run", tensorboard=False), annotations


def test_a_run_that_can_be_used_as_any_other(trained, tmp_path):
    run, annotations = trained
    rounded = fine_tune(run, annotations, annotations, tmp_path / "rounded", epochs=1)
    assert (rounded.recipe, rounded.labels) == (run.recipe, run.labels)
    assert load_run(tmp_path / "rounded").checkpoint.name == "best.keras"
    assert (tmp_path / "rounded" / "log.csv").read_text().count("\n") == 2
    old, new = run.load_model(), rounded.load_model()
    assert [layer.name for layer in new.layers] == [layer.name for layer in old.layers]
    assert any(np.abs(a - b).max() > 0 for a, b in zip(old.get_weights(), new.get_weights(), strict=True))
    with pytest.raises(ValueError, match="must not hold a run yet"):
        fine_tune(run, annotations, None, tmp_path / "rounded")


def test_wrong_arguments(trained, tmp_path):
    run, annotations = trained
    with pytest.raises(ValueError, match="Received: epochs=0"):
        fine_tune(run, annotations, None, tmp_path / "rounded", epochs=0)
    others = data.Annotations(annotations.clips, ("bright", "dark", "dim"))
    with pytest.raises(ValueError, match="must have the run's labels"):
        fine_tune(run, annotations, others, tmp_path / "rounded")
    assert not (tmp_path / "rounded").exists()


def test_a_bad_loss_names_its_clips(trained, tmp_path):
    run, annotations = trained
    with pytest.raises(FloatingPointError, match=r"with the clips\n  \S*(bright|dark)_\d+\.mp4"):
        fine_tune(run, annotations, None, tmp_path / "rounded", epochs=3, learning_rate=1e30)

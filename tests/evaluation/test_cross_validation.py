import numpy as np

from keras_action.data import read_annotations
from keras_action.evaluation import cross_validate
from tests import tiny


def test_each_clip_is_evaluated_by_the_model_that_has_not_seen_it(tiny_backbone, eager, tmp_path):
    annotations = read_annotations(tiny.write_videos(tmp_path, per_class=4))
    recipe = tiny.recipe(model="tsn", epochs=5, learning_rate=0.12, batch_size=6)
    report = cross_validate(recipe, annotations, tmp_path / "folds", num_folds=2, progress=False)
    assert report.paths == tuple(clip.path for clip in annotations.clips)
    assert report.true_ids.tolist() == annotations.label_ids().tolist()
    assert np.isfinite(report.logits).all()
    assert report.top1 == 1
    runs = sorted(tmp_path.glob("folds/*/last.keras"))
    assert len(runs) == 2

    times = [run.stat().st_mtime_ns for run in runs]
    again = cross_validate(recipe, annotations, tmp_path / "folds", num_folds=2, progress=False)
    np.testing.assert_allclose(again.logits, report.logits, atol=1e-6)
    assert [run.stat().st_mtime_ns for run in runs] == times

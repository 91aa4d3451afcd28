import numpy as np
import pytest

import training.visualize
from benchmarks import map_motion
from tests import tiny


def test_motion_is_where_and_when_something_moves():
    frames = np.zeros((4, 8, 8, 3))
    frames[1:, :4, 4:] = 100  # appears between the first and the second frame, at the upper right
    motion = map_motion.motion_maps(frames, (2, 2))
    assert motion.shape == (4, 2, 2)
    np.testing.assert_allclose(motion[:, 0, 1], [100, 50, 0, 0])
    assert motion[:, 1].max() == motion[:, 0, 0].max() == 0
    assert map_motion.motion_maps(frames[:, :7], (3, 3)).shape == (4, 3, 3)  # what does not divide


def test_correlations():
    motion = np.random.default_rng(0).random((4, 3, 3))
    np.testing.assert_allclose(map_motion.correlations(2 * motion - 7, motion), 1)
    np.testing.assert_allclose(map_motion.correlations(-motion, motion), -1)
    # The same map for all frames knows the places and not the time; one value a frame knows the time alone.
    still = np.broadcast_to(motion.mean(axis=0), motion.shape)
    assert np.isnan(map_motion.correlations(still, motion)[1]) and map_motion.correlations(still, motion)[2] > 0
    flat = np.broadcast_to(motion.mean(axis=(1, 2), keepdims=True), motion.shape)
    assert map_motion.correlations(flat, motion)[1] == pytest.approx(1)
    assert np.isnan(map_motion.correlations(flat, motion)[2])


def test_the_program(monkeypatch, tmp_path, capsys):
    pytest.importorskip("av")
    tiny.register(monkeypatch)
    import keras_action

    csv = tiny.write_videos(tmp_path, per_class=1)
    keras_action.build_tsn("tiny", 2, 3, input_size=32).save(tmp_path / "tsn.keras")
    opened = keras_action.load_model(tmp_path / "tsn.keras", labels=("bright", "dark"))
    monkeypatch.setattr(keras_action, "load_model", lambda path: opened)
    for layer in ([], ["--layer", "4"], ["--input-size", "64"]):
        map_motion.main([f"TSN={tmp_path}/tsn.keras", "--data", str(csv), *layer])
        head, _, row = capsys.readouterr().out.splitlines()
        assert "over time" in head and row.startswith("| TSN | 2 | ")
        assert -1 <= float(row.split("|")[3].split()[0]) <= 1
    with pytest.raises(SystemExit, match="no such clips"):
        map_motion.main([f"TSN={tmp_path}/tsn.keras", "--data", str(csv), "--classes", "grey"])


def test_names_of_models():
    assert training.visualize.named_models(["TSN=a/b", "c/d/"]) == [("TSN", "a/b"), ("d", "c/d/")]
    with pytest.raises(ValueError, match="Received: x twice"):
        training.visualize.named_models(["a/x", "x=b"])

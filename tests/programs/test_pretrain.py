import dataclasses
import shutil

import numpy as np
import pytest

from keras_action.data import Sequences
from keras_action.training import load_run
from keras_action.training.run import load_keras_file, read_description
from keras_action.weights.motion_files import read_motion_file
from tests import tiny
from training import pretrain
from training.methods import METHODS
from training.recipes import streams

STAGES = (
    pretrain.Stage("hands", "hand", 2, 2),
    pretrain.Stage("paths", "path", 2, 1, num_paths=3, performers=("finger", "person")),
    pretrain.Stage("again", "path", 2, 1, num_paths=3, performers=("finger", "person"), videos="paths"),
)
STREAMS = pretrain.Stage("streams", "path", 2, 1, num_paths=4)


@pytest.mark.usefixtures("eager")
def test_stages_start_from_each_other_and_resume(tiny_backbone, tmp_path, monkeypatch, capsys):
    few_steps = dataclasses.replace(streams.recipe(), num_segments=8, memory=4, sequences=Sequences(time_step=0.5))
    monkeypatch.setattr(streams, "recipe", lambda: few_steps)

    def run(streams=STREAMS):
        return pretrain.pretrain(tiny.recipe(model="tsn"), tmp_path, STAGES, streams, workers=1)

    path, path_of_streams = run()
    first, second, last = (load_run(tmp_path / stage.name) for stage in STAGES)
    assert [len(run.labels) for run in (first, second, last)] == [9, 4, 4]
    assert [run.recipe.epochs for run in (first, second, last)] == [2, 1, 1]
    assert [run.recipe.start_from for run in (second, last)] == [str(tmp_path / "hands"), str(tmp_path / "paths")]
    assert sorted(path.name for path in (tmp_path / "videos").iterdir()) == ["hands", "paths", "streams"]
    layers = read_motion_file(path)
    assert "classifier" not in layers
    np.testing.assert_array_equal(
        layers["stem"][0], last.load_model().get_layer("stem").get_weights()[0].astype("float16")
    )
    third = load_run(tmp_path / "streams")
    assert len(third.labels) == 4 + 9
    assert third.recipe.epochs == 1
    num_clips = int(read_description(third.folder)[1]["training_set"].split()[0])
    assert third.recipe.sequences.early_sequences == num_clips // 3 > 1
    assert third.recipe.start_from == str(tmp_path / "memory_again.keras")
    of_streams = read_motion_file(path_of_streams)
    assert set(of_streams) == {*layers, "memory"}
    memory = load_keras_file(tmp_path / "streams" / "last.keras").get_layer("memory")
    np.testing.assert_array_equal(of_streams["memory"][0], memory.get_weights()[0].astype("float16"))
    output = capsys.readouterr().out
    assert "paths: " in output and "streams: " in output

    shutil.rmtree(tmp_path / "streams")  # the memory's first training is kept
    path.unlink()
    (tmp_path / "again" / "last.keras").unlink()
    (tmp_path / "again" / "best.keras").unlink()
    time = (tmp_path / "hands" / "best.keras").stat().st_mtime_ns
    run()
    assert (tmp_path / "hands" / "best.keras").stat().st_mtime_ns == time
    assert "clips_per_second: " in capsys.readouterr().out  # an epoch was trained
    for name, arrays in read_motion_file(path_of_streams).items():
        for again, before in zip(arrays, of_streams[name], strict=True):
            np.testing.assert_array_equal(again, before)
    for name, arrays in read_motion_file(path).items():
        for again, before in zip(arrays, layers[name], strict=True):
            np.testing.assert_array_equal(again, before)

    with pytest.raises(ValueError, match=r"memory_paths.*before.*memory_again"):  # the streams began after "again"
        pretrain.pretrain(tiny.recipe(model="tsn"), tmp_path, STAGES[:2], STREAMS, workers=1)

    shutil.rmtree(tmp_path / "streams")
    run(dataclasses.replace(STREAMS, epochs=0.5))
    third = load_run(tmp_path / "streams")
    assert third.recipe.epochs == 1
    assert int(read_description(third.folder)[1]["training_set"].split()[0]) < num_clips


@pytest.fixture
def calls(monkeypatch):
    """List of the calls of `pretrain.pretrain` by the program: the recipe, the folder and the options. None trains."""
    calls = []
    monkeypatch.setattr(pretrain, "pretrain", lambda *arguments, **options: calls.append((*arguments, options)) or [])
    return calls


def test_every_method_and_seed_has_its_folder(tmp_path, calls):
    arguments = ["--output", str(tmp_path), "--stages", "hands", "paths", "--set", "epochs=1"]
    pretrain.main([*arguments, "--method", *METHODS, "--seed", "1", "2"])
    pretrain.main([*arguments, "--method", "ME", "--seed", "3"])
    expected = [(method, seed, tmp_path / method / str(seed)) for seed in (1, 2) for method in METHODS]
    names = {"TSM": "tsm", "ACTION": "action_net", "CE": "action_net_ce", "shift": "tsm_learnable_shift"}
    for (recipe, folder, options), (method, seed, path) in zip(calls, [*expected, ("ME", 3, tmp_path)], strict=True):
        assert (folder, recipe.seed, recipe.epochs) == (path, seed, 1)
        assert [stage.name for stage in options["stages"]] == ["hands", "paths"]
        assert options["streams"] is None and options["videos"] == tmp_path / "videos"
        assert {name: getattr(recipe, name) for name in METHODS[method]} == METHODS[method]
        if method in names:
            assert pretrain.weights_name(recipe) == f"mobilenet_v2_{names[method]}"


def test_persons_are_trained_if_asked_for(tmp_path, calls):
    pretrain.main(["--output", str(tmp_path)])
    pretrain.main(["--output", str(tmp_path), "--stages", "persons", "hands", "paths"])
    names = [[stage.name for stage in options["stages"]] for *_, options in calls]
    assert names == [["hands", "paths", "paths_again"], ["hands", "paths", "persons"]]
    assert [options["streams"] is None for *_, options in calls] == [False, True]
    assert calls[1][-1]["stages"][-1].performers == ("finger", "person")


def test_the_first_stage_cannot_be_left_out(tmp_path, capsys):
    with pytest.raises(SystemExit):
        pretrain.main(["--output", str(tmp_path), "--stages", "paths", "streams"])
    assert "--stages must contain hands. Received: paths streams" in capsys.readouterr().err


def test_epochs_of_streams(tmp_path, calls, capsys):
    for epochs in ("0.5", "1", "4"):
        pretrain.main(["--output", str(tmp_path), "--stream-epochs", epochs])
    assert [options["streams"].epochs for *_, options in calls] == [0.5, 1, pretrain.STREAMS.epochs]
    for wrong in ("0", "1.5", "nan"):
        with pytest.raises(SystemExit):
            pretrain.main(["--output", str(tmp_path), "--stream-epochs", wrong])
        assert f"a whole number, or between 0 and 1. Received: {wrong}" in capsys.readouterr().err


def test_a_missing_file_of_weights_is_an_error(tmp_path):
    arguments = ["--output", str(tmp_path), "--clips-share", "0.02", "--workers", "1", "--weights", "missing.npz"]
    with pytest.raises(SystemExit, match=r"error: `weights` must be None.*missing.npz"):
        pretrain.main(arguments)

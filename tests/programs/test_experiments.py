import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import keras_action
from keras_action.data import read_annotations
from keras_action.training.build import build_model
from keras_action.training.callbacks import read_log
from keras_action.training.recipe import Recipe
from keras_action.training.run import write_run
from tests import tiny
from training import experiments, pretrain
from training.methods import METHODS


@pytest.mark.usefixtures("eager")
def test_rows_and_seeds(tiny_backbone, tmp_path, capsys):
    csv, output = str(tiny.write_videos(tmp_path, per_class=4)), tmp_path / "runs"
    arguments = ["table1", "--train", csv, "--val", csv, "--recipe", tiny.__file__, "--rows", "TSN", "ACTION"]
    arguments += ["--set", "epochs=1", "ema_momentum=0.5"]
    experiments.main([*arguments, "--seeds", "0", "--output", str(output)])
    assert "Written: " in capsys.readouterr().out
    rows = json.loads((output / "table1.json").read_text(), parse_constant=pytest.fail)  # of what JSON has not
    assert [row["name"] for row in rows] == ["TSN", "ACTION"]
    assert [row["pairs"] for row in rows] == [None, None]
    assert rows[0]["num_pretrainings"] is None
    assert len(read_log(output / "TSN" / "0")) == 1
    assert (output / "table1.png").stat().st_size > 1000
    lines = (output / "table1.md").read_text().splitlines()
    assert lines[2].startswith("| TSN |") and lines[3].startswith("| ACTION |")
    before = (output / "ACTION" / "0" / "last.keras").stat().st_mtime_ns
    table = (output / "table1.md").read_bytes()
    # Another experiment with the same rows: nothing is trained, and the table of the first stays.
    experiments.main(["table3", *arguments[1:], "--seeds", "0", "--output", str(output)])
    assert (output / "ACTION" / "0" / "last.keras").stat().st_mtime_ns == before
    assert (output / "table1.md").read_bytes() == table == (output / "table3.md").read_bytes()

    # What is evaluated is the average of the weights, which best.keras has.
    run, annotations = keras_action.load_run(output / "ACTION" / "0"), read_annotations(csv)
    results = json.loads((run.folder / "evaluation.json").read_text())["results"]
    report = keras_action.evaluate(run.load_model(), annotations, keras_action.evaluation.Protocol(2, 32))
    expected = [result["probability"] for result in results]
    np.testing.assert_allclose(report.probabilities.max(axis=1), expected, rtol=1e-4)


def test_the_strategy_is_passed_on(tiny_backbone, tmp_path, monkeypatch):
    csv, given = str(tiny.write_videos(tmp_path, per_class=2)), []

    def train(*arguments, **options):
        given.append(options)
        raise ValueError("that is all")

    monkeypatch.setattr(keras_action, "train", train)
    arguments = ["table1", "--train", csv, "--val", csv, "--recipe", tiny.__file__, "--output", str(tmp_path / "runs")]
    with pytest.raises(SystemExit, match="error: that is all"):
        experiments.main([*arguments, "--strategy", "mirrored"])
    assert given == [{"strategy": "mirrored"}]


PROGRAM = """
import sys
import pytest
import tensorflow as tf
from tests import tiny
from training import experiments

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], 2 * [tf.config.LogicalDeviceConfiguration()]
)
tiny.register(pytest.MonkeyPatch())
experiments.main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["mirrored", "data_parallel"])
def test_rows_on_two_devices_of_one_or_of_two_processes(tmp_path, strategy):
    root, csv = Path(__file__).resolve().parents[2], str(tiny.write_videos(tmp_path, per_class=2))
    arguments = ["table1", "--train", csv, "--val", csv, "--recipe", tiny.__file__, "--rows", "TSN", "TSM"]
    arguments += ["--seeds", "0"]
    arguments += ["--set", "epochs=1", "ema_momentum=0.5", "--strategy", strategy, "--output", str(tmp_path / "runs")]
    environment = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    processes = [{}]
    if strategy == "data_parallel":
        pytest.importorskip("jax")
        arguments += ["--set", "jit_compile=none"]
        environment |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
        with socket.socket() as free:
            free.bind(("localhost", 0))
            environment["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = f"localhost:{free.getsockname()[1]}"
        processes = [{"KERAS_DISTRIBUTION_PROCESS_ID": str(number)} for number in range(2)]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": root}
    running = [subprocess.Popen(command, env={**environment, **own}, **pipes) for own in processes]
    try:
        texts = [process.communicate(timeout=600)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * len(processes), texts
    assert "Training on 2 device(s)" in texts[0]
    assert ["Written: " in text for text in texts] == [True, False][: len(texts)]
    assert [row["name"] for row in json.loads((tmp_path / "runs" / "table1.json").read_text())] == ["TSN", "TSM"]


def pretrained(folder, seed=0, finished=True, **fields):
    """Writes a run of the tiny backbone as far as it is looked at before a training starts from it."""
    recipe = tiny.recipe(seed=seed, **fields)
    write_run(folder, recipe, ("bright", "dark"), 1.0)
    with zipfile.ZipFile(folder / "last.keras", "w") as archive:
        archive.writestr("keras_action_epochs.txt", str(recipe.epochs - (not finished)))


def starts(*arguments):
    return [training.start_from for training in experiments.plan(*arguments)]


def test_rows_start_from_their_own_models(tiny_backbone, tmp_path):
    runs = "TSN/0 TSN/2 location_1/1 location_1/10 ME/5/hands ME/5/paths ME/6/paths ME/6/paths_again"
    for run in runs.split():
        pretrained(tmp_path / run, int(run.split("/")[1]))
    assert starts(["TSN"], [0, 2], tmp_path) == [str(tmp_path / "TSN" / seed) for seed in "02"]
    assert starts(["location 1"], [1], tmp_path) == [str(tmp_path / "location_1" / "1")]
    for seed, last in ((5, "paths"), (6, "paths_again")):  # as `pretrain` writes them
        assert starts(["ME"], [seed], tmp_path) == [str(tmp_path / "ME" / str(seed) / last)]
    assert starts(["ME"], [5], tmp_path / "{row}" / "{seed}" / "hands") == [str(tmp_path / "ME" / "5" / "hands")]


def test_rows_start_from_the_same_stage(tiny_backbone, tmp_path):
    for run in ("TSN/0/paths", "TSM/0/paths", "TSM/0/paths_again", "ME/0/hands"):  # pretrainings were interrupted
        pretrained(tmp_path / run)
    with pytest.raises(ValueError, match=r"from the same stage of .*Received: .*paths, .*paths_again"):
        experiments.plan(["TSN", "TSM"], [0], tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no run of 'ME'"):
        experiments.plan(["ME"], [0], tmp_path)
    (tmp_path / "TSN" / "0" / "paths").rename(tmp_path / "TSN" / "0" / "paths_again")
    assert len(experiments.plan(["TSN", "TSM"], [0], tmp_path)) == 2


@pytest.mark.parametrize(
    ("row", "seed", "message"),
    [
        ("TSM", 0, "There is no run of 'TSM' with seed 0 to start from"),
        ("TSN", 1, "There is no run of 'TSN' with seed 1 to start from"),
        ("TSN", 2, "A run of 'TSN' with seed 2 is needed. Received: .*2 with seed 0"),
        ("TSN", 3, "A run to start from must be finished. Received: .*3 with 2 of 3 epochs"),
    ],
)
def test_a_missing_pretrained_model_is_an_error_before_anything_is_read(tiny_backbone, tmp_path, row, seed, message):
    pretrained(tmp_path / "TSN" / "0")
    pretrained(tmp_path / "TSN" / "2")  # a copy
    pretrained(tmp_path / "TSN" / "3", seed=3, finished=False)
    arguments = ["table1", "--train", "absent.csv", "--val", "absent.csv", "--output", str(tmp_path / "new")]
    with pytest.raises(SystemExit, match=f"error: {message}"):
        experiments.main([*arguments, "--start-from", str(tmp_path), "--rows", row, "--seeds", str(seed)])


@pytest.mark.parametrize(
    ("row", "fields", "message"),
    [
        ("ACTION", {"paths": ("me",)}, "paths=('me',), not ('ce', 'me', 'ste')"),
        ("TSM", {"model": "tsm", "shift": "learnable"}, "shift='learnable', not 'fixed'"),
        ("TSM", {"model": "tsm"}, None),
        ("TSM", {"model": "tsn"}, "model='tsn', not 'tsm'"),
        ("ACTION", {"shift": "learnable", "paths": ("me", "ste", "ce")}, None),
    ],
)
def test_a_pretrained_model_of_another_method_is_an_error(tiny_backbone, tmp_path, row, fields, message):
    pretrained(tmp_path / row / "0", **fields)
    (training,) = experiments.plan([row], [0], tmp_path)
    recipe = tiny.recipe(weights="motion")
    if message is None:
        own = experiments.own_recipe(recipe, METHODS[row], training)
        assert (own.start_from, own.weights) == (str(tmp_path / row / "0"), None)
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        experiments.own_recipe(recipe, METHODS[row], training)


def test_each_seed_from_each_pretrained_model(tiny_backbone, tmp_path):
    for run in ("TSN/0", "TSN/1", "TSM/0", "TSM/1"):
        pretrained(tmp_path / run, int(run[-1]))
    trainings = experiments.plan(["TSN", "TSM"], [0, 1], tmp_path, [0, 1])
    starts = [(t.row, t.seed, Path(t.start_from).name, t.folder("runs").name) for t in trainings]
    assert starts == [
        ("TSN", 0, "0", "0"),
        ("TSM", 0, "0", "0"),
        ("TSN", 0, "1", "0_from_1"),
        ("TSM", 0, "1", "0_from_1"),
        ("TSN", 1, "0", "1_from_0"),
        ("TSM", 1, "0", "1_from_0"),
        ("TSN", 1, "1", "1"),
        ("TSM", 1, "1", "1"),
    ]


@pytest.mark.usefixtures("eager")
def test_the_table_counts_pretrained_models(tiny_backbone, tmp_path):
    csv = str(tiny.write_videos(tmp_path, per_class=2))
    for seed in (0, 1):
        folder = tmp_path / "first" / "TSN" / str(seed)
        pretrained(folder, seed, model="tsn")
        build_model(tiny.recipe(model="tsn"), 2).save(folder / "best.keras")
    arguments = ["table1", "--train", csv, "--val", csv, "--recipe", tiny.__file__, "--rows", "TSN"]
    arguments += ["--set", "epochs=1"]
    start = ["--start-from", str(tmp_path / "first"), "--output", str(tmp_path / "second")]
    experiments.main([*arguments, *start, "--seeds", "0", "--start-seeds", "0", "1"])
    [row] = json.loads((tmp_path / "second" / "table1.json").read_text())
    assert row["num_pretrainings"] == 2 and len(row["top1"]) == 2
    lines = (tmp_path / "second" / "table1.md").read_text().splitlines()
    assert lines[0].startswith("| | pretrained models | trainings |") and lines[2].startswith("| TSN | 2 | 2 |")
    assert lines[-1] == "95 % intervals by bootstrap over 4 clips, trainings and pretrained models."


@pytest.mark.usefixtures("eager")
def test_clips_of_each_class_after_the_stages_of_pretrain(tiny_backbone, tmp_path, capsys):
    stages = (pretrain.Stage("hands", "hand", 2, 1), pretrain.Stage("paths", "path", 2, 1, num_paths=3))
    recipe = tiny.recipe(epochs=1).replace(**METHODS["ME"])
    (path,) = pretrain.pretrain(recipe, tmp_path / "first" / "ME" / "0", stages, streams=None, workers=1)
    assert path.name == "tiny_action_net_me.npz"
    for row, seed in (("TSM", 0), ("TSM", 1), ("ME", 1)):
        folder = tmp_path / "first" / row / str(seed) / "paths"
        pretrained(folder, seed, **METHODS[row])
        build_model(tiny.recipe(**METHODS[row]), 2).save(folder / "best.keras")
    csv, output = str(tiny.write_videos(tmp_path, per_class=4)), tmp_path / "few"
    arguments = ["methods", "--train", csv, "--val", csv, "--recipe", tiny.__file__, "--rows", "TSM", "ME"]
    arguments += ["--reference", "ME", "--set", "epochs=1", "--start-from", str(tmp_path / "first")]
    arguments += ["--seeds", "0", "1", "--clips-per-class", "3", "all", "--output", str(output)]
    experiments.main(arguments)
    assert "ME, seed 1: " in capsys.readouterr().out
    assert sorted(path.name for path in output.iterdir()) == sorted(
        ["3_clips", "ME", "TSM", "methods.json", "methods.md", "methods.png", "methods_clips.png"]
    )
    for folder, count in ((output / "3_clips", 6), (output, 8)):
        rows = json.loads((folder / "methods.json").read_text())
        assert [(row["name"], row["num_pretrainings"], len(row["top1"])) for row in rows] == [
            ("TSM", 2, 2),
            ("ME", 2, 2),
        ]
        assert [row["num_clips"] for row in rows] == [8, 8]
        assert rows[1]["difference"] == 0
        description = json.loads((folder / "ME" / "1" / "run.json").read_text())
        assert description["training_set"].startswith(f"{count} clips")
        assert description["recipe"]["start_from"] == str(tmp_path / "first" / "ME" / "1" / "paths")
    digests = {json.loads((output / "3_clips" / "ME" / seed / "run.json").read_text())["training_set"] for seed in "01"}
    assert len(digests) == 2  # each seed draws its own clips
    tables = [path.read_bytes() for path in output.rglob("methods.md")]
    times = [path.stat().st_mtime_ns for path in sorted(output.rglob("last.keras"))]
    experiments.main(arguments)
    assert [path.stat().st_mtime_ns for path in sorted(output.rglob("last.keras"))] == times
    assert [path.read_bytes() for path in output.rglob("methods.md")] == tables


@pytest.mark.parametrize("rows", experiments.EXPERIMENTS.values(), ids=experiments.EXPERIMENTS)
def test_all_rows_are_recipes(rows):
    recipes = [Recipe(**fields) for fields in rows.values()]
    assert len(set(map(repr, recipes))) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rows", "TSNN"], "Received: TSNN"),
        (["--rows", "TSN", "--reference", "ME"], "--reference must be one of the rows, TSN. Received: ME"),
        (["--clips-per-class", "5", "0"], "expected a number of clips, or all. Received: 0"),
        (["--start-seeds", "1"], "--start-seeds are seeds of --start-from"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit):
        experiments.main(["table1", "--train", "a", "--val", "b", "--output", "c", *arguments])
    assert message in capsys.readouterr().err

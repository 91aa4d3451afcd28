import json
import os
import socket
import subprocess
import sys
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
from training import experiments


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


def test_rows_start_from_their_own_models(tmp_path):
    for run in ("TSN/0", "TSN/2", "location_1/1", "location_1/10"):
        (tmp_path / run).mkdir(parents=True)
    assert [t.start_from for t in experiments.plan(["TSN"], [0, 2], tmp_path)] == [
        str(tmp_path / "TSN" / n) for n in "02"
    ]
    assert experiments.start_of(tmp_path, "location 1", 1) == str(tmp_path / "location_1" / "1")
    new = [
        "table1",
        "--train",
        "a.csv",
        "--val",
        "b.csv",
        "--output",
        str(tmp_path / "new"),
        "--start-from",
        str(tmp_path),
    ]
    with pytest.raises(SystemExit, match="error: There is no run of 'TSM' with seed 0 to start from; its seeds: none"):
        experiments.main([*new, "--rows", "TSM"])
    with pytest.raises(SystemExit, match="error: There is no run of 'TSN' with seed 1 to start from; its seeds: 0, 2"):
        experiments.main([*new, "--rows", "TSN"])


def test_each_seed_from_each_pretrained_model(tmp_path, capsys):
    for run in ("TSN/0", "TSN/1", "TSM/0", "TSM/1"):
        (tmp_path / run).mkdir(parents=True)
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
    with pytest.raises(SystemExit):
        experiments.main(["table1", "--train", "a", "--val", "b", "--output", "c", "--start-seeds", "1"])
    assert "--start-seeds are seeds of --start-from" in capsys.readouterr().err


@pytest.mark.usefixtures("eager")
def test_the_table_counts_pretrained_models(tiny_backbone, tmp_path):
    csv = str(tiny.write_videos(tmp_path, per_class=2))
    for seed in "01":
        folder = tmp_path / "first" / "TSN" / seed
        recipe = tiny.recipe(model="tsn")
        write_run(folder, recipe, ("bright", "dark"), 1.0)
        build_model(recipe, 2).save(folder / "best.keras")
    arguments = ["table1", "--train", csv, "--val", csv, "--recipe", tiny.__file__, "--rows", "TSN"]
    arguments += ["--set", "epochs=1"]
    start = ["--start-from", str(tmp_path / "first"), "--output", str(tmp_path / "second")]
    experiments.main([*arguments, *start, "--seeds", "0", "--start-seeds", "0", "1"])
    [row] = json.loads((tmp_path / "second" / "table1.json").read_text())
    assert row["num_pretrainings"] == 2 and len(row["top1"]) == 2
    lines = (tmp_path / "second" / "table1.md").read_text().splitlines()
    assert lines[0].startswith("| | pretrained models | trainings |") and lines[2].startswith("| TSN | 2 | 2 |")


@pytest.mark.parametrize("rows", experiments.EXPERIMENTS.values(), ids=experiments.EXPERIMENTS)
def test_all_rows_are_recipes(rows):
    recipes = [Recipe(**fields) for fields in rows.values()]
    assert len(set(map(repr, recipes))) == len(rows)


def test_unknown_row(capsys):
    with pytest.raises(SystemExit):
        experiments.main(["table1", "--train", "a", "--val", "b", "--output", "c", "--rows", "TSNN"])
    assert "Received: TSNN" in capsys.readouterr().err

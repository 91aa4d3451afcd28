"""Several devices and processes: logical CPUs, and processes on this machine."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_action
from keras_action.data import Annotations, read_annotations, training_dataset
from keras_action.training import distribution
from keras_action.training.build import build_model, compile_model, validation_batches
from keras_action.training.callbacks import read_log
from keras_action.training.distribution import STRATEGIES, Engine, start
from tests import tiny
from training.train import make_parser

ROOT = Path(__file__).resolve().parents[2]
ONE_DEVICE = {"dropout": 0.0, "synchronized_batch_norm": True}  # with which replicas must be as one device
TSM = {"model": "tsm"}  # as ACTION's modules take longest to trace and to compile
JIT = {"jit_compile": None, **TSM}  # on JAX what is not compiled is not divided

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of the TensorFlow backend")


@pytest.fixture
def csv(tmp_path):
    return tiny.write_videos(tmp_path)


@pytest.fixture
def annotations(csv, monkeypatch):
    tiny.register(monkeypatch)
    return read_annotations(csv)


def begin(csv, runs, devices=2, backend="tensorflow", **environment):
    """A process that trains runs, on so many logical CPUs; their folders are beside the clips."""
    runs = [{**run, "folder": str(csv.parent / run["folder"])} for run in runs]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # to compile takes longer than these runs
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        **environment,
    }
    command = [sys.executable, "tests/training/distribution_run.py", str(devices), str(csv), json.dumps(runs)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def begin_two(csv, *runs_of_each, **options):
    """Two processes that train together."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    names = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "KERAS_DISTRIBUTION_NUM_PROCESSES", "KERAS_DISTRIBUTION_PROCESS_ID")
    return [
        begin(csv, runs, backend="jax", **options, **dict(zip(names, (address, "2", str(i)), strict=True)))
        for i, runs in enumerate(runs_of_each)
    ]


def end(*processes, code=0):
    """What the processes printed."""
    try:
        done = [process.communicate(timeout=1800) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, errors) in zip(processes, done, strict=True):
        assert process.returncode == code, errors[-3000:]
    return [text for text, _ in done]


def check_same_losses(csv, *folders, epochs=2, rtol=1e-4):
    logs = [read_log(csv.parent / folder) for folder in folders]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        values = [[row[name] for row in rows] for rows in logs]
        assert [len(row) for row in values] == [epochs] * len(folders)
        for folder, row in zip(folders, values, strict=True):
            np.testing.assert_allclose(row, values[0], rtol=rtol, err_msg=f"{name} of {folder}")


def test_two_mirrored_replicas_and_one_give_the_same_losses(csv):
    runs = [
        {"folder": "one", "recipe": {**ONE_DEVICE, **TSM}},
        {"folder": "two", "recipe": {**ONE_DEVICE, **TSM}, "strategy": "mirrored"},
        {"folder": "odd", "recipe": {"batch_size": 3}, "strategy": "mirrored"},
    ]
    (text,) = end(begin(csv, runs))
    check_same_losses(csv, "one", "two")
    assert "Training on 2 device(s)" in text
    assert "The clips of a batch must be a multiple of the 2 devices. Received: batch_size=3" in text
    assert not (csv.parent / "odd").exists()


def test_two_devices_of_jax_and_one_give_the_same_losses(csv):
    pytest.importorskip("jax")
    runs = [{"folder": "one", "recipe": JIT}, {"folder": "two", "recipe": JIT, "strategy": "data_parallel"}]
    (text,) = end(begin(csv, runs, backend="jax"))
    check_same_losses(csv, "one", "two")
    assert "Training on 2 device(s)" in text


@pytest.mark.slow
@pytest.mark.parametrize("strategies", [("none", "mirrored"), ("mirrored", "none"), ("mirrored", "mirrored")])
def test_a_run_can_go_on_with_more_devices_or_fewer(csv, strategies):
    first, then = ({"recipe": ONE_DEVICE, "strategy": strategy} for strategy in strategies)
    runs = [
        {"folder": "whole", **first},
        {"folder": "cut", **first, "stop_at": 1},
        {"folder": "cut", **then},
    ]
    end(begin(csv, runs))
    check_same_losses(csv, "whole", "cut")


PHASES = {**ONE_DEVICE, "adapt_batch_norm": 1, "ema_momentum": 0.5, "frozen_epochs": 1, "optimizer": "sgd", "epochs": 3}


@pytest.mark.slow
def test_mirrored_replicas_in_phases_with_an_average_after_another_run_in_the_same_process(csv):
    runs = [
        {"folder": "one", "recipe": PHASES},
        {"folder": "other", "strategy": "mirrored"},
        {"folder": "two", "recipe": PHASES, "strategy": "mirrored"},
    ]
    end(begin(csv, runs))
    check_same_losses(csv, "one", "two", epochs=3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"synchronized_batch_norm": True},
        {"synchronized_batch_norm": True, "mixed_precision": "mixed_float16"},
        {"partial_batch_norm": True, "backbone": "tiny_norm"},
    ],
)
def test_a_killed_mirrored_run_goes_on_in_another_process_as_if_nothing_had_been(csv, fields):
    run = {"strategy": "mirrored", "recipe": fields}
    whole = begin(csv, [{"folder": "whole", **run}])
    end(begin(csv, [{"folder": "cut", **run, "kill_at": 1}]), code=-9)
    end(whole, begin(csv, [{"folder": "cut", **run}]))
    check_same_losses(csv, "whole", "cut", rtol=2e-3)


@pytest.mark.slow
def test_two_processes_of_jax_and_one_give_the_same_losses_also_after_an_interruption(csv):
    pytest.importorskip("jax")
    run = {"recipe": JIT, "strategy": "data_parallel"}
    phases = {
        "recipe": {**JIT, **PHASES, "synchronized_batch_norm": False, "gradient_accumulation_steps": 2, "batch_size": 8}
    }
    runs = [
        {"folder": "two", **run, "stop_at": 1},
        {"folder": "two", **run},
        {"folder": "phases_two", **phases, "strategy": "data_parallel"},
    ]
    texts = end(*begin_two(csv, runs, runs))
    assert "Training on 4 device(s) of 2 process(es)" in texts[0] and "Epoch" not in texts[1]
    end(begin(csv, [{"folder": "one", "recipe": JIT}, {"folder": "phases_one", **phases}], backend="jax"))
    check_same_losses(csv, "one", "two")
    check_same_losses(csv, "phases_one", "phases_two", epochs=3)
    assert not list(csv.parent.rglob("part-*"))


@pytest.mark.slow
def test_where_one_of_two_processes_is_killed_both_end_and_go_on_together(csv):
    pytest.importorskip("jax")
    run = {"folder": "run", "recipe": JIT, "strategy": "data_parallel"}
    other, killed = begin_two(csv, [run], [{**run, "kill_at": 1}], devices=1)
    end(killed, code=-9)
    assert other.wait(timeout=1800) != 0
    texts = end(*begin_two(csv, [run], [run], devices=1))
    assert "Resuming after epoch 1 of 2." in texts[0]
    end(begin(csv, [{"folder": "one", "recipe": JIT}], backend="jax", devices=1))
    check_same_losses(csv, "one", "run")


@pytest.mark.slow
def test_processes_that_see_other_folders_or_have_another_recipe_end_with_an_error(csv):
    pytest.importorskip("jax")
    run = {"recipe": JIT, "strategy": "data_parallel"}
    runs = [
        [{"folder": name, **run}, {"folder": "run", "recipe": recipe, "strategy": "data_parallel"}]
        for name, recipe in (("here", JIT), ("there", {**JIT, "seed": 1}))
    ]
    for text in end(*begin_two(csv, *runs, devices=1)):
        assert "ValueError: All processes of a run must see the same folder" in text
        assert "ValueError: All processes of a run must have the same recipe and clips" in text


@on_tensorflow
@pytest.mark.parametrize(
    ("strategy", "fields", "message"),
    [
        ("mirorred", {}, r"`strategy` must be one of .*Did you mean 'mirrored'.*Received: strategy='mirorred'"),
        ("data_parallel", {}, r"needs the jax backend: set KERAS_BACKEND=jax. Received: .* backend='tensorflow'"),
        ("mirrored", {"gradient_accumulation_steps": 2}, r"strategy='mirrored', gradient_accumulation_steps=2"),
    ],
)
def test_what_does_not_work_is_an_error_at_once(annotations, tmp_path, strategy, fields, message):
    with pytest.raises(ValueError, match=message):
        keras_action.train(tiny.recipe(**fields), annotations, None, tmp_path / "run", strategy=strategy)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("strategy", "fields", "message"),
    [
        ("mirrored", {}, "needs the tensorflow backend"),
        ("none", {"synchronized_batch_norm": True}, "on JAX the statistics are those of the whole batch anyway"),
    ],
)
def test_what_does_not_work_on_jax_is_an_error_at_once(monkeypatch, strategy, fields, message):
    tiny.register(monkeypatch)
    monkeypatch.setattr(distribution.keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=f"{message}.*backend='jax'"):
        start(strategy, tiny.recipe(**fields))


def test_strategies_of_the_program():
    (action,) = (action for action in make_parser()._actions if action.dest == "strategy")
    assert tuple(action.choices) == STRATEGIES


def test_xla_is_left_out_where_it_cannot_reach(annotations):
    assert [Engine(*args).jit_compile for args in (("none",), ("mirrored", 1), ("mirrored", 2))] == [
        "auto",
        "auto",
        False,
    ]
    for asked, jit_compile in ((None, False), (True, True)):
        recipe = tiny.recipe(jit_compile=asked)
        model = build_model(recipe, 2)
        compile_model(model, recipe, 3, frozen=False, jit_compile=Engine("mirrored", 2).jit_compile)
        assert model.jit_compile is jit_compile


@on_tensorflow
def test_synchronized_batch_norm_is_that_of_actions_too(annotations):
    def norms(**fields):
        layers = build_model(tiny.recipe(**fields), 2)._flatten_layers()
        return [layer.synchronized for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]

    assert norms() == [False, False] and norms(synchronized_batch_norm=True) == [True, True]


SETTINGS = {"num_segments": 2, "input_size": 32, "batch_size": 4, "seed": 3}


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_parts_of_batches_are_the_batches(annotations, count):
    def batches(**options):
        return list(training_dataset(annotations, **SETTINGS, **options).take(5).as_numpy_iterator())

    parts = [batches(shard=(index, count)) for index in range(count)]
    for whole, *of_batch in zip(batches(), *parts, strict=True):
        for expected, *arrays in zip(whole, *of_batch, strict=True):
            np.testing.assert_array_equal(np.concatenate(arrays), expected)


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 3), (0, 0)])
def test_a_part_that_is_none_is_an_error(annotations, shard):
    with pytest.raises(ValueError, match=r"`shard` must be \(i, n\)"):
        training_dataset(annotations, **SETTINGS, shard=shard)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("number", [1, 8, 9])
def test_validation_batches_are_full_and_report_what_short_ones_would(annotations, number):
    annotations = Annotations(annotations.clips[:number], annotations.labels)
    recipe = tiny.recipe(label_smoothing=0.0, model="tsn")
    model = build_model(recipe, 2)
    compile_model(model, recipe, 3, frozen=False)
    batches = validation_batches(recipe, annotations)
    clips, labels, weights = (np.concatenate(part) for part in zip(*batches.as_numpy_iterator(), strict=True))
    assert len(batches) == -(-number // 4) and len(clips) == 4 * len(batches)
    assert (weights > 0).sum() == number and not clips[number:].any()
    logits = model.predict(clips[:number], verbose=0).astype("float64")
    chosen = (logits * labels[:number]).sum(1)
    losses = np.log(np.exp(logits).sum(1)) - chosen
    logs = model.evaluate(batches, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], losses.mean(), rtol=1e-5)
    np.testing.assert_allclose(logs["accuracy"], (chosen == logits.max(1)).mean(), rtol=1e-6)
    parts = [list(validation_batches(recipe, annotations, shard=(i, 2)).as_numpy_iterator()) for i in (0, 1)]
    assert len(parts[0]) == len(parts[1]) == len(batches)
    seen = np.concatenate([clips[weights > 0] for part in parts for clips, _, weights in part])
    assert sorted(seen.sum((1, 2, 3, 4))) == sorted(clips[:number].sum((1, 2, 3, 4)))

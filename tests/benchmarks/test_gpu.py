import importlib.util
import json

import keras
import pytest

from benchmarks import gpu
from tests import tiny

TINY = {"backbone": "tiny", "num_classes": 3, "num_segments": 2, "input_size": 16}
HERE = keras.backend.backend()


@pytest.fixture
def in_this_process(monkeypatch, eager):
    """Runs all parts in this process, where the tiny backbone is known, and eagerly; no time counts."""
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS", "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.setenv(name, HERE)  # restored at the end, whatever the parts set
    policy = keras.config.dtype_policy()
    tiny.register(monkeypatch)
    monkeypatch.setattr(gpu, "LOSS_MODEL", TINY)
    monkeypatch.setattr(gpu, "alone", lambda function, *args, limit: function(*args))
    yield
    keras.config.set_dtype_policy(policy)


def test_the_program_on_the_cpu(in_this_process, tmp_path, capsys):
    setting = "--backbones tiny --methods TSN ACTION --steps 2 --loss-steps 3 --batch-size 2 --num-segments 2"
    path = tmp_path / "gpu.json"
    gpu.main([*setting.split(), "--input-size", "16", "--dtype", "float32", "--output", str(path)])
    out, err = capsys.readouterr()
    report = json.loads(path.read_text())
    assert [(row["method"], len(row["seconds"])) for row in report["steps"]] == [("TSN", 2), ("ACTION", 2)]
    assert report["setting"]["backend"] == HERE and report["left_out"] == []
    losses = report["losses"]
    assert list(losses) == ["CPU, float32", "device, float32"]
    assert losses["CPU, float32"] == pytest.approx(losses["device, float32"], rel=1e-5)
    assert len(set(losses["CPU, float32"])) == 3
    assert "| tiny, ACTION | " in out and "tiny, TSN: " in err
    assert path.with_suffix(".md").read_text() == out


def test_the_steps_are_those_of_bfloat16(in_this_process):
    losses = gpu.train_losses(HERE, ["float32", "mixed_bfloat16"], 3, TINY, on_cpu=False)
    assert losses["mixed_bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert losses["mixed_bfloat16"] != losses["float32"]


def test_tables():
    rows = [
        {"backbone": "tiny", "method": "ACTION", "seconds": [0.3, 0.3, 0.6], "peak_bytes": 2.5e9},
        {"backbone": "tiny", "method": "TSN", "seconds": [0.2], "peak_bytes": None},
    ]
    assert gpu.step_table(rows, batch_size=6).splitlines()[2:] == [
        "| tiny, TSN | 200.0 | 200.0 to 200.0 | 1.00 | 30 |  |",
        "| tiny, ACTION | 300.0 | 300.0 to 540.0 | 1.50 | 20 | 2.50 |",
    ]
    assert gpu.step_table(rows[:1], batch_size=6).splitlines()[2].split(" | ")[3] == ""
    curves = {"CPU, float32": [3.0, 2.0], "device, mixed_bfloat16": [3.0, 2.25]}
    assert gpu.loss_table(curves).splitlines()[3] == "| device, mixed_bfloat16 | 3.0000 | 2.6250 | 0.2500 |"


def test_what_fails_or_does_not_fit_is_named(monkeypatch, capsys, tmp_path):
    def part(function, *args, limit):
        if function is gpu.find_accelerator:
            return "a GPU" if args == (HERE,) else None
        if function is gpu.train_losses:
            raise RuntimeError("ResourceExhaustedError: out of memory")
        if limit < 30:
            raise TimeoutError("no time left")
        return {"seconds": [1.0], "peak_bytes": 10**9}

    monkeypatch.setattr(gpu, "alone", part)
    monkeypatch.setenv("KERAS_BACKEND", HERE)
    for minutes, left_out in (("1", []), ("0", ["- resnet50, TSN: no time left"])):
        gpu.main(["--backbones", "resnet50", "--methods", "TSN", "--minutes", minutes])
        lines = capsys.readouterr().out.splitlines()
        assert "a GPU" in lines[0]
        assert lines[lines.index("Left out:") + 1 :] == [
            "- losses, CPU: ResourceExhaustedError: out of memory",
            "- losses, device: ResourceExhaustedError: out of memory",
            *left_out,
        ]


def test_the_backend_is_one_that_sees_an_accelerator(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "jax")
    monkeypatch.setattr(gpu, "alone", lambda function, *args, limit: "a GPU" if args == ("tensorflow",) else None)
    assert gpu.choose_backend(gpu.BACKENDS) == ("tensorflow", "a GPU")
    monkeypatch.setattr(gpu, "alone", lambda function, *args, limit: None)
    assert gpu.choose_backend(gpu.BACKENDS) == ("torch", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="Expected: one of jax, torch, tensorflow"):
        gpu.choose_backend(gpu.BACKENDS)


def test_bad_arguments(capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--steps", "0"])
    assert "Received: 0 and 50" in capsys.readouterr().err

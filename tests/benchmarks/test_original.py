import contextlib
import os
import types

import numpy as np
import pytest

import keras_action
from benchmarks import original
from benchmarks.processes import in_one_line
from tests.test_case import numpy, reference

REFERENCE = {
    "mobilenet_v2": "action_mobilenetv2_83c_8f_224px.npz",
    "resnet50": "action_resnet50_83c_8f_112px.npz",
    "bn_inception": "action_bninception_83c_8f_224px.npz",
}


@pytest.mark.parametrize("backbone", original.BACKBONES)
def test_the_pytorch_model_is_the_official_one(backbone):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.torch_original import ActionNet

    module, name = reference(), REFERENCE[backbone]
    model = ActionNet(backbone, num_classes=83, num_segments=8).eval()
    model.load_state_dict({key: torch.tensor(value) for key, value in module.state_dict(name).items()})
    with torch.no_grad():
        logits = model(torch.tensor(module.clips(name)[:1]).permute(0, 1, 4, 2, 3)).numpy()
    expected = module.load(name)["logits"]
    assert np.abs(logits - expected[:1]).max() < 1e-5 * np.ptp(expected)


@pytest.mark.parametrize("backbone", original.BACKBONES)
def test_the_pytorch_model_is_our_model(backbone):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from benchmarks.torch_original import normalised, random_model

    clips = original.clips(num_segments=3, input_size=64, count=2)
    theirs = random_model(backbone, 5, 3, clips)
    ours = keras_action.load_torch_checkpoint(theirs.state_dict(), num_segments=3, input_size=64)
    with torch.no_grad():
        expected = theirs(normalised(clips, backbone)).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01 * np.ptp(expected)  # the logits depend on the clip
    assert np.abs(numpy(ours(clips)) - expected).max() < 1e-4 * np.ptp(expected)


@pytest.fixture
def fakes(monkeypatch):
    """Variants that run in this process and take a set time: int8 half of eager's, jax fails."""
    now = [0.0]

    def load(variant, *args):
        if variant == "jax":
            raise ImportError("no | module\nand no more")

        def run():
            now[0] += 0.5 if variant == "int8" else 1.0
            return np.array([[0.0, 1.0, 1.9 if variant == "int8" else 2.0]])

        return run

    def submit(function, *args):
        return types.SimpleNamespace(result=lambda: function(*args))

    monkeypatch.setattr(original, "load_variant", load)
    monkeypatch.setattr(original.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(original, "_process", lambda: contextlib.nullcontext(types.SimpleNamespace(submit=submit)))
    monkeypatch.setattr(original, "alone", in_one_line)
    monkeypatch.setattr(original, "write_weights", lambda path, *args: open(path, "w").close())
    monkeypatch.setattr(original.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(original, "machine", lambda: "a machine")
    monkeypatch.setattr(original, "versions", lambda: "versions")


def test_the_program_with_a_variant_that_fails(fakes, monkeypatch, capsys, tmp_path):
    def write_file(path, weights, quantization, *size):
        assert os.path.exists(weights) and size == (8, 224)
        if quantization == "float32":
            raise RuntimeError("backend='x' raised:\nno converter")

    monkeypatch.setattr(original, "write_file", write_file)
    arguments = "--backbones mobilenet_v2 --variants int8 jax float32 --threads 2 --rounds 3"
    original.main([*arguments.split(), "--files", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| mobilenet_v2, 2 threads | ms | speed-up |")
    assert lines[4:8] == [
        "| PyTorch, eager | 1000.0 | 1.00 | 1.00 to 1.00 | 0 |",
        "| LiteRT, int8 | 500.0 | 2.00 | 2.00 to 2.00 | 5 |",
        "| LiteRT, float32 | not measured: RuntimeError: no converter | | | |",
        "| Keras, JAX | not measured: ImportError: no / module | | | |",
    ]
    assert lines[-1] == "LiteRT, int8: 2.00 times as fast, aim at least 7: missed."


@pytest.mark.slow
def test_the_program_with_torch_compile(capsys, tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    arguments = "--backbones mobilenet_v2 --threads 1 --rounds 1 --num-segments 2 --input-size 32"
    original.main([*arguments.split(), "--files", str(tmp_path)])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    assert len(rows) == len(original.VARIANTS) and rows[0][0] == "| PyTorch, eager"
    for row in rows:
        if row[0] != "| LiteRT, int8" and "not measured" not in row[1]:
            assert float(row[4].removesuffix(" |")) < 0.01, row  # percent


def test_without_pytorch(monkeypatch):
    monkeypatch.setattr(original.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install torch --index-url"):
        original.main([])


@pytest.mark.parametrize("argument", ["--rounds", "--threads"])
def test_bad_arguments(argument, capsys):
    with pytest.raises(SystemExit):
        original.main([argument, "0"])
    assert "must be at least 1" in capsys.readouterr().err

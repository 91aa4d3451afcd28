import json

import pytest

from benchmarks import litert


def test_times_are_taken_in_turn_and_compared_within_a_round(monkeypatch):
    ticks = {"TSN": [1, 1, 2, 4], "ACTION": [1, 1, 4, 6]}  # the first two calls of each warm up
    now, order = [0.0], []
    monkeypatch.setattr(litert.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(litert.time, "process_time", lambda: 2 * now[0] + 1)

    def run_of(name):
        def run():
            order.append(name)
            now[0] += ticks[name][order.count(name) - 1]

        return run

    runs = {name: run_of(name) for name in ticks}
    timings = litert.time_in_turn(runs, {"TSN": 10**6, "ACTION": 2 * 10**6}, rounds=2)
    assert order == ["TSN", "TSN", "ACTION", "ACTION", "TSN", "ACTION", "TSN", "ACTION"]
    assert timings["TSN"].wall == (2, 4) and timings["TSN"].cpu == (4, 8)
    assert timings["ACTION"].milliseconds() == 5000
    assert timings["ACTION"].ratio() == timings["ACTION"].cpu_ratio() == pytest.approx((4 / 2 + 6 / 4) / 2)

    lines = litert.table("tiny", timings, num_threads=1, aim=1.8).splitlines()
    assert lines[2] == "| TSN | 3000.0 | 2200.0 to 3800.0 | 1.000 | 1.000 to 1.000 | 1.000 | 1.00 |"
    assert lines[3] == "| ACTION | 5000.0 | 4200.0 to 5800.0 | 1.750 | 1.550 to 1.950 | 1.750 | 2.00 |"
    assert lines[-1] == "ACTION 1.750, aim at most 1.80: reached."
    assert litert.table("tiny", timings, num_threads=2, aim=1.7).endswith("aim at most 1.70: missed.")
    # Processor time of several threads tells nothing about the time that passes.
    assert litert.table("tiny", timings, num_threads=2).splitlines()[3].endswith("1.550 to 1.950 |  | 2.00 |")


@pytest.fixture
def converter():
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")


@pytest.fixture
def tiny(monkeypatch, converter):
    """A model of two convolutions in place of each backbone."""
    import keras

    from keras_action.layers import Action, FoldTime, UnfoldTime

    def build(backbone, method, num_segments, input_size, num_classes=3):
        keras.utils.set_random_seed(0)
        clip = keras.Input((num_segments, input_size, input_size, 3), name="clip")
        x = keras.layers.Rescaling(1 / 255)(FoldTime()(clip))
        x = keras.layers.Conv2D(16, 3, padding="same")(x)
        if method == "ACTION":
            x = Action(num_segments, name="action")(x)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(num_classes, 1)(x))
        logits = keras.layers.GlobalAveragePooling1D()(UnfoldTime(num_segments)(x))
        return keras.Model(clip, logits)

    monkeypatch.setattr(litert, "build_model", build)


def test_the_program_on_a_small_setting(tiny, tmp_path, capsys):
    setting = "--backbones tiny --methods ACTION --forms plain mean --formats float32"
    setting += f" --threads 1 --rounds 2 --num-segments 2 --input-size 16 --files {tmp_path / 'files'}"
    litert.main([*setting.split(), "--output", str(tmp_path / "out.json")])
    out = capsys.readouterr().out
    names = [line.split(" | ")[0] for line in out.splitlines() if line.startswith(("| TSN", "| ACTION"))]
    assert names[0] == "| TSN" and "| ACTION, plain" in names and len(names) == 6
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [len(result["wall"]) for result in results] == [2] * 6
    assert results[0]["format"] == "float32" and results[0]["backbone"] == "tiny"
    assert (tmp_path / "out.md").read_text().strip() == out.strip()

    # The files are there now, and stay as they are.
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "files").iterdir()}
    litert.main(setting.split())
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "files").iterdir()}


def test_all_forms_are_the_same_function(tiny):
    import numpy as np

    from benchmarks.litert_forms import FORMS
    from tests.test_case import randomise

    model = litert.build_model("tiny", "ACTION", num_segments=2, input_size=16)
    randomise(model.get_layer("action"))
    clips = np.random.default_rng(0).uniform(0, 255, (1, 2, 16, 16, 3)).astype("float32")
    expected = model.predict_on_batch(clips)
    assert set(FORMS) == set(litert.FORM_NAMES)
    for form in FORMS.values():
        np.testing.assert_allclose(form(model).predict_on_batch(clips), expected, rtol=1e-4)


@pytest.mark.slow
def test_built_models_have_activations_of_order_one():
    import keras
    import numpy as np

    model = litert.build_model("mobilenet_v2", "ACTION", num_segments=2, input_size=64, num_classes=3)
    last = keras.Model(model.input, model.get_layer("pool").output)
    pooled = last.predict_on_batch(np.random.default_rng(1).uniform(0, 255, (1, 2, 64, 64, 3)))
    assert 0.1 < np.abs(pooled).mean() < 10
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    assert norm.momentum == 0.9  # as before


@pytest.mark.parametrize("argument", ["--rounds", "--threads"])
def test_bad_arguments(argument, capsys):
    with pytest.raises(SystemExit):
        litert.main([argument, "0"])
    assert "must be at least 1" in capsys.readouterr().err


def test_unknown_backbone_in_one_line(converter):
    with pytest.raises(SystemExit, match="Received: backbone='vgg'"):
        litert.main(["--backbones", "vgg"])

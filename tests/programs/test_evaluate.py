import json
import sys

import pytest

import keras_action
from keras_action.training.run import write_run
from tests import tiny
from training import evaluate

pytest.importorskip("matplotlib", reason="Matplotlib is not installed")

pytestmark = pytest.mark.usefixtures("eager")

FILES = {"evaluation.json", "evaluation.html", "confusion.png", "worst.png"}


@pytest.fixture
def csv(tmp_path):
    return str(tiny.write_videos(tmp_path, per_class=3))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A run's folder with a model that takes all clips for bright."""
    tiny.register(monkeypatch)
    folder = tmp_path / "run"
    write_run(folder, tiny.recipe(sampling="reference"), ("bright", "dark"), 1.0)
    model = keras_action.build_action_net("tiny", 2, num_segments=2, input_size=32)
    model.get_layer("classifier").bias.assign([1.0, 0.0])
    model.save(folder / "best.keras")
    return folder


@pytest.fixture
def no_pictures(monkeypatch):
    """Leaves out the pictures, which take most of the time, where a test is not about them."""
    monkeypatch.setattr(evaluate, "_draw", lambda *arguments: [])


def protocol_of(folder):
    return json.loads((folder / "evaluation.json").read_text())["protocol"]


CHEAP = {
    **{"num_segments": 2, "input_size": [32, 32], "num_clips": 1, "num_crops": 1},
    **{"sampling": "reference", "seed": None, "short_side": None, "crop_to_aspect_ratio": True},
}
PAPER = {**CHEAP, "input_size": 256, "num_clips": 10, "num_crops": 3, "seed": 0}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], CHEAP),
        (
            ["--input-size", "40", "--num-crops", "3", "--short-side", "48"],
            {**CHEAP, "input_size": 40, "num_crops": 3, "short_side": 48},
        ),
        (
            ["--no-crop-to-aspect-ratio", "--sampling", "segments"],
            {**CHEAP, "crop_to_aspect_ratio": False, "sampling": "segments"},
        ),
        (["--protocol", "paper"], PAPER),
        (["--protocol", "reference_code", "--num-clips", "2"], {**PAPER, "num_clips": 2}),
        (
            ["--protocol", "paper", "--num-clips", "2", "--input-size", "40", "--seed", "none", "--sampling", "dense"],
            {**PAPER, "num_clips": 2, "input_size": 40, "seed": None, "sampling": "dense"},
        ),
    ],
)
def test_protocols(run, csv, arguments, expected, no_pictures, capsys):
    evaluate.main([str(run), "--data", csv, *arguments])
    assert protocol_of(run) == expected
    out = capsys.readouterr().out
    assert "6 clips, 2 classes" in out and "95 % intervals" in out and "dark predicted as bright" in out


def test_files(run, csv):
    evaluate.main([str(run), "--data", csv])
    assert {path.name for path in run.iterdir()} == {"best.keras", "run.json", *FILES}


def test_a_file_that_is_no_runs(run, csv, no_pictures, tmp_path):
    path = (run / "best.keras").rename(tmp_path / "my.model.keras")
    labels = tmp_path / "labels.txt"
    labels.write_text("dark\n\nbright\n")
    evaluate.main([str(path), "--data", csv, "--labels", str(labels), "--pairs", "dark:bright"])
    content = json.loads((tmp_path / "my_evaluation" / "evaluation.json").read_text())
    assert content["labels"] == ["dark", "bright"]
    assert content["reversed_pairs"][0]["classes"] == ["dark", "bright"]


def test_labels_of_the_data_where_the_file_has_none(run, csv, no_pictures, tmp_path):
    path = (run / "best.keras").rename(tmp_path / "model.keras")
    evaluate.main([str(path), "--data", csv, "--output", str(tmp_path / "out")])
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["labels"] == ["bright", "dark"]


def test_a_litert_file_has_one_size(run, csv, no_pictures, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    from keras_action import litert

    path, recipe = tmp_path / "gesture.tflite", tiny.recipe(sampling="dense", crop_to_aspect_ratio=False).to_dict()
    labels = ["bright", "dark"]
    litert.convert(keras_action.load_model(run).model, path, labels=labels, metadata={"recipe": recipe})
    evaluate.main([str(path), "--data", csv])
    protocol = protocol_of(tmp_path / "gesture_evaluation")
    assert (protocol["sampling"], protocol["crop_to_aspect_ratio"]) == ("dense", False)  # as the file says
    with pytest.raises(SystemExit, match=r"error: .*three crops of 32 × 32\. Received: input_size=256"):
        evaluate.main([str(path), "--data", csv, "--protocol", "paper"])
    arguments = [
        "--protocol",
        "paper",
        "--input-size",
        "32",
        "--num-clips",
        "2",
        "--sampling",
        "segments",
        "--crop-to-aspect-ratio",
    ]
    evaluate.main([str(path), "--data", csv, *arguments])
    evaluate.main([str(run), "--data", csv, *arguments])
    results = [
        json.loads((folder / "evaluation.json").read_text()) for folder in (tmp_path / "gesture_evaluation", run)
    ]
    for of_file, of_run in zip(results[0]["results"], results[1]["results"], strict=True):
        assert of_file["probability"] == pytest.approx(of_run["probability"], abs=1e-4)


def test_worst_clips_of_an_earlier_evaluation_do_not_stay(run, csv, tmp_path):
    evaluate.main([str(run), "--data", csv])
    assert (run / "worst.png").exists()
    bright = tmp_path / "bright.csv"
    bright.write_text("path,label\nbright_0.mp4,bright\n")
    evaluate.main([str(run), "--data", str(bright)])
    assert not (run / "worst.png").exists()


def test_without_matplotlib_all_but_the_pictures_is_there(run, csv, monkeypatch, capsys):
    evaluate.main([str(run), "--data", csv])
    before = (run / "evaluation.json").read_text()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (run / "evaluation.json").unlink()
    evaluate.main([str(run), "--data", csv])
    assert (run / "evaluation.json").read_text() == before
    assert {path.name for path in run.iterdir()} == {"best.keras", "run.json", "evaluation.json"}  # no older pictures
    out = capsys.readouterr().out
    assert "No pictures and no evaluation.html: Drawing needs Matplotlib. Install it with: pip install" in out
    assert out.rstrip().endswith(f"Written: {run / 'evaluation.json'}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-segments", "8"], "clips of 2 frames"),
        (["--labels", "missing.txt"], "missing.txt"),
        (["--kind", "tsm"], "kind='tsm'"),
        (["--pairs", "bright:up"], r"Received: pair=\('bright', 'up'\)"),
        (["--no-crop-to-aspect-ratio", "--num-crops", "3"], "crop_to_aspect_ratio=False"),
        (["--num-clips", "3"], "method='reference'"),
    ],
)
def test_errors(run, csv, arguments, message):
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        evaluate.main([str(run), "--data", csv, *arguments])
    assert not (run / "evaluation.json").exists()


@pytest.mark.parametrize("arguments", [["--seed", "x"], ["--pairs", "a:b:c"], ["--num-crops", "2"]])
def test_arguments_that_are_none(arguments):
    with pytest.raises(SystemExit) as error:
        evaluate.main(["run", "--data", "x.csv", *arguments])
    assert error.value.code == 2

"""The programs as a user runs them; what they call is tested beside the library's files."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from keras_action.programs.command import PROGRAMS
from tests import tiny
from training import evaluate, join, train

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for group in PROGRAMS.values() for name in group]
BENCHMARKS = [
    f"benchmarks.{path.stem}"
    for path in sorted((ROOT / "benchmarks").glob("*.py"))
    if "def make_parser" in path.read_text(encoding="utf-8")
]

# Prints, in one fresh process, the help of each program and which large packages were imported for it.
_HELP = """
import contextlib, io, json, sys
from tests.documentation import program
helps = {}
for name in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        program(name).main(["--help"])
    helps[name] = text.getvalue(), sorted({"tensorflow", "keras", "jax", "torch", "matplotlib"} & set(sys.modules))
print(json.dumps(helps))
"""


@pytest.fixture(scope="module")
def helps():
    command = [sys.executable, "-c", _HELP, *NAMES, *BENCHMARKS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", [*NAMES, *BENCHMARKS])
def test_help_reads_well_and_needs_no_tensorflow(program, helps):
    text, imported = helps[program]
    command = f"python -m {program}" if program in BENCHMARKS else f"keras-action {program}"
    assert text.startswith(f"usage: {command} ")
    assert f"\n  {command}" in text[text.index("\nexamples:\n") :]
    assert imported == []


@pytest.mark.usefixtures("eager")
def test_train_then_evaluate(tiny_backbone, tmp_path, capsys):
    csv = str(tiny.write_videos(tmp_path, per_class=8, broken=(5,)))
    run = tmp_path / "run"
    arguments = ["--recipe", tiny.__file__, "--train", csv, "--val", csv, "--output", str(run), "--no-tensorboard"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train.main([*arguments, "--set", "model=tsn", "epochs=4", "learning_rate=0.1"])
        evaluate.main([str(run), "--data", csv, "--pairs", "bright,dark"])
    assert (run / "curves.png").stat().st_size > 1000
    assert (run / "confusion.png").stat().st_size > 1000
    results = json.loads((run / "evaluation.json").read_text())
    assert results["clips"] == 16 and len(results["undecodable"]) == 1
    assert results["top1"] == 15 / 16  # the broken one counts as wrong, all others are easy
    out = capsys.readouterr().out
    assert "not decoded: " in out and "dark_5.mp4" in out
    assert "In the training set, 1 of 16 clips could not be decoded" in out
    assert "bright against dark: 100.0%" in out


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("path,name\na.mp4,bright\n", r"clips\.csv"),
        ("path,label\nbright_0.mp4,\n", r"clips\.csv, line 2"),
        ("path,label,start,end\nbright_0.mp4,bright,0,0.5\ndark_1.mp4,dark,0.5,99\n", r"clips\.csv, line 3"),
        ("path,label\n", r"clips\.csv"),
    ],
)
def test_bad_annotations_end_with_file_and_line(tiny_backbone, rows, message, tmp_path):
    csv = tiny.write_videos(tmp_path, per_class=2)
    csv.write_text(rows)
    with pytest.raises(SystemExit, match=rf"error: .*{message}"):
        train.main(["--recipe", tiny.__file__, "--train", str(csv), "--output", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_unknown_and_missing_labels_in_validation(tiny_backbone, tmp_path):
    csv = tiny.write_videos(tmp_path, per_class=4)
    arguments = ["--recipe", tiny.__file__, "--train", str(csv), "--output", str(tmp_path / "run"), "--val"]
    val = tmp_path / "val.csv"
    val.write_text("path,label\nbright_0.mp4,bright\nbright_2.mp4,dim\n")
    with pytest.raises(SystemExit, match=r"val\.csv, line 3.*dim"):
        train.main([*arguments, str(val)])
    val.write_text("path,label\nbright_0.mp4,bright\n")
    with pytest.raises(SystemExit, match=r"val\.csv.*dark"):
        train.main([*arguments, str(val)])


@pytest.mark.usefixtures("eager")
def test_few_clips_are_cross_validated_and_then_all_trained_on(tiny_backbone, tmp_path, capsys):
    csv = tiny.write_videos(tmp_path, per_class=3)
    run = tmp_path / "run"
    small = ["backbone=tiny", "weights=none", "num_segments=2", "input_size=32", "epochs=1", "frozen_stages=0"]
    train.main(
        ["--train", str(csv), "--output", str(run), "--no-tensorboard", "--cross-validate", "2", "--set", *small]
    )
    output = capsys.readouterr().out
    assert output.startswith("Recipe: few_clips, for 6 clips.\nCross-validation of 6 clips in 2 folds.\n")
    description = json.loads((run / "run.json").read_text())
    assert description["recipe"]["batch_size"] == 6
    assert description["training_set"].startswith("6 clips")
    assert json.loads((run / "cross_validation.json").read_text())["clips"] == 6
    assert sorted(path.name for path in (run / "folds").iterdir()) == ["fold_0", "fold_1"]


def test_fewer_than_three_clips_a_class_are_an_error(tmp_path):
    csv = tiny.write_videos(tmp_path, per_class=2)
    with pytest.raises(SystemExit, match=r"error: Each class needs at least 3 clips.*bright \(2\), dark \(2\)"):
        train.main(["--train", str(csv), "--output", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--recipe", "unknown"], "Received: unknown"),
        (["--recipe", tiny.__file__, "--set", "epoch=3"], "Did you mean 'epochs'"),
        (["--recipe", tiny.__file__, "--set", "weights=missing.npz"], "missing.npz"),
        (["--recipe", tiny.__file__, "--set", "batch_size=64"], "batch_size=64, 8 clips"),
    ],
)
def test_bad_arguments_of_train(tiny_backbone, extra, message, tmp_path):
    csv = tiny.write_videos(tmp_path, per_class=4)
    with pytest.raises(SystemExit, match=message):
        train.main(["--train", str(csv), "--output", str(tmp_path / "run"), *extra])


def test_bad_arguments_of_evaluate(tmp_path):
    with pytest.raises(SystemExit, match=r"holds run\.json"):
        evaluate.main([str(tmp_path), "--data", "x.csv"])
    with pytest.raises(SystemExit):
        evaluate.main([str(tmp_path), "--data", "x.csv", "--pairs", "left"])


def test_join(tmp_path, capsys):
    csv = tiny.write_videos(tmp_path, per_class=2)
    join.main(["--data", str(csv), "--output", str(tmp_path / "joined.mp4"), "--ignore", "dark"])
    assert "4 clips, 2 of them gestures" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="error: "):
        join.main(["--data", str(tmp_path / "none.csv"), "--output", str(tmp_path / "x.mp4")])

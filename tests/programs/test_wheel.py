"""The wheel alone, unpacked, in another folder: nothing of the clone is needed."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from keras_action.programs.command import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
MAPPED = {"training": "keras_action/programs/training", "export": "keras_action/programs/export"}
NAMES = [name for group in PROGRAMS.values() for name in group]

# In one process, from videos to events. The models see too little to recognise anything: that is not the question.
SYNTHESIZE = """
import sys
from keras_action.programs.command import main
main("synthesize --output gestures --labels swipe_left none --clips-per-class 2 --frames 6 --size 32 40".split())
"""
TRAIN = """
settings = "weights=None alpha=0.35 num_segments=2 input_size=32 epochs=1 batch_size=2 frozen_epochs=0".split()
data = ["--train", "gestures/train.csv", "--val", "gestures/val.csv", "--no-tensorboard"]
main(["train", "--recipe", "small", *data, "--output", "run", "--set", *settings])
main("convert run --output gesture.tflite".split())
"""
CONVERT = """
import keras
clip = keras.Input((2, 32, 32, 3))
mean = keras.layers.GlobalAveragePooling3D()(clip)
keras.Model(clip, keras.layers.Dense(2)(mean)).save("model.keras")
open("labels.txt", "w").write("none\\nswipe_left\\n")
main("convert model.keras --labels labels.txt --clip-seconds 0.5 --max-partitions any --output gesture.tflite".split())
"""
RECOGNIZE = """
main("recognize gesture.tflite --video gestures/none/none_0000.mp4 --json events.json".split())
import keras_action
assert not {"training", "export"} & set(sys.modules), "the programs of a clone were imported"
print("package:", keras_action.__file__)
"""


def tracked():
    """The files of the clone that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder of an unpacked wheel, built without a network from a copy with an earlier build in it."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no clone")
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked():
        if name.partition("/")[0] in ("keras_action", *MAPPED) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    (source / "build" / "lib" / "keras_action").mkdir(parents=True)
    (source / "build" / "lib" / "keras_action" / "stale.py").write_text("")
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q", "-w", str(output)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = output.glob("*.whl")
    zipfile.ZipFile(path).extractall(output / "unpacked")
    return output / "unpacked"


def run(wheel, folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(wheel), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-P", *arguments], cwd=folder, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_holds_what_git_has_and_nothing_else(wheel):
    expected = set()
    for name in tracked():
        top, _, rest = name.partition("/")
        if top == "keras_action" or top in MAPPED:
            expected.add(f"{MAPPED.get(top, top)}/{rest}")
    found = {str(path.relative_to(wheel)) for path in (wheel / "keras_action").rglob("*") if path.is_file()}
    assert found == expected
    points = next(wheel.glob("*.dist-info")) / "entry_points.txt"
    assert "keras-action = keras_action.programs.command:main" in points.read_text()


def test_help_of_all_programs(wheel, tmp_path):
    code = (
        "import contextlib, sys\nfrom keras_action.programs.command import main\n"
        "for name in sys.argv[1:]:\n"
        "    with contextlib.suppress(SystemExit): main([name, '--help'])"
    )
    text = run(wheel, tmp_path, "-c", code, *NAMES)
    for name in NAMES:
        assert f"usage: keras-action {name} " in text


@pytest.mark.parametrize("model", [CONVERT, pytest.param(TRAIN, marks=pytest.mark.slow)], ids=["convert", "train"])
def test_from_videos_to_events(wheel, tmp_path, model):
    pytest.importorskip("av", reason="the extra video is not installed")
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    out = run(wheel, tmp_path, "-c", SYNTHESIZE + model + RECOGNIZE)
    assert f"package: {wheel}" in out
    assert (tmp_path / "events.json").is_file()


@pytest.mark.slow
def test_in_an_empty_environment(wheel, tmp_path):
    """As a user installs it. It needs the package index."""
    (path,) = wheel.parent.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", f"{path}[video,litert]"]
    subprocess.run(install, check=True, capture_output=True)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = str(tmp_path / "venv" / "bin" / "keras-action")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.stdout.startswith("keras_action ")
    done = subprocess.run(
        [str(python), "-c", SYNTHESIZE + TRAIN + RECOGNIZE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "events.json").is_file()

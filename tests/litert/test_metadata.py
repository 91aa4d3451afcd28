import dataclasses
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import keras_action
from keras_action import GestureRecognizer
from keras_action.litert import LiteRTModel, Metadata, describe, inspect_file, read_metadata, write_metadata
from keras_action.litert.standard_metadata import read_standard_metadata
from tests.litert.color_model import LABELS, color_clips

FULL = Metadata(
    labels=("none", "Wink nach links"),
    num_segments=8,
    input_size=(112, 96),
    clip_seconds=1.6,
    quantization="int8",
    package_version="1.2.3",
    name="gestures",
    description="Two gestures.",
    author="Ada",
    license="Apache-2.0",
    backbone="mobilenet_v2",
    recipe={"epochs": 3},
    extra={"accuracy": 0.93},
)


@pytest.fixture
def path(reports, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(reports[None].path.read_bytes())
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        FULL,
        dataclasses.replace(FULL, labels=None, clip_seconds=None, quantization=None, extra={}),
        dataclasses.replace(FULL, labels=()),
    ],
)
def test_what_is_written_is_read(path, metadata):
    write_metadata(path, metadata)
    assert read_metadata(path) == metadata


def test_writing_twice_leaves_one_archive_and_the_model_works(path):
    write_metadata(path, FULL)
    size = path.stat().st_size
    write_metadata(path, FULL)
    assert path.stat().st_size == size
    assert LiteRTModel(path)(color_clips(1)[0]).shape == (1, 4)


def test_usual_tools_read_it(reports):
    with zipfile.ZipFile(reports[None].path) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().split() == list(LABELS)


def test_time_step():
    assert FULL.time_step == pytest.approx(0.2)
    assert dataclasses.replace(FULL, clip_seconds=None).time_step is None


def test_file_without_metadata(path):
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"PK\x03\x04")])
    assert read_metadata(path) is None


@pytest.mark.parametrize("content", [b"", b"TFL", b"this is a text, not a model"])
def test_other_files(tmp_path, content):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    for call in (lambda: read_metadata(path), lambda: write_metadata(path, FULL)):
        with pytest.raises(ValueError, match=r"model.tflite is not a LiteRT file. Received: "):
            call()
    assert path.read_bytes() == content


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_metadata(tmp_path / "model.tflite")


def test_metadata_of_another_kind(path):
    write_metadata(path, FULL)
    path.write_bytes(path.read_bytes().replace(b"num_segments", b"num_sigments"))
    with pytest.raises(ValueError, match=r"model.tflite: its metadata can't be read"):
        read_metadata(path)


def test_metadata_of_tflite(path):
    write_metadata(path, FULL)
    standard = read_standard_metadata(path.read_bytes())
    assert (standard["name"], standard["description"], standard["author"]) == ("gestures", "Two gestures.", "Ada")
    (graph,) = standard["subgraph_metadata"]
    (clip,), (logits,) = graph["input_tensor_metadata"], graph["output_tensor_metadata"]
    assert (clip["name"], logits["name"]) == ("clip", "logits")
    assert clip["content"]["content_properties"][1] == {
        "color_space": 1,
        "default_size": {"width": 96, "height": 112},
    }
    assert clip["process_units"] == [{"options": ("NormalizationOptions", {"mean": [0.0], "std": [1.0]})}]
    assert [file["name"] for file in logits["associated_files"]] == ["labels.txt"]
    write_metadata(path, dataclasses.replace(FULL, labels=None, name="other"))
    standard = read_standard_metadata(path.read_bytes())
    assert standard["name"] == "other"
    assert "associated_files" not in standard["subgraph_metadata"][0]["output_tensor_metadata"][0]


def test_description(path):
    write_metadata(path, FULL)
    text = describe(path)
    for part in ("operators", "XNNPACK", "none, Wink nach links", "one each 0.2 s", "TFLite\n{", "Ada", "mobilenet_v2"):
        assert part in text
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"PK\x03\x04")])
    assert "metadata of keras_action: none" in describe(path)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="tflite-support has wheels up to Python 3.11")
def test_tflite_support_reads_it(path, tmp_path):
    """The last release of the package that defined the format, in an environment of its own: it wants old packages."""
    write_metadata(path, FULL)
    python = tmp_path / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    packages = ["tflite-support==0.4.4", "numpy<2", "protobuf<4", "flatbuffers", "absl-py"]
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *packages]
    if subprocess.run(install).returncode:
        pytest.skip("tflite-support can't be installed here")
    code = (
        "import sys; from tflite_support import metadata\n"
        "shown = metadata.MetadataDisplayer.with_model_file(sys.argv[1])\n"
        "print(shown.get_metadata_json())\n"
        "print(shown.get_associated_file_buffer('labels.txt').decode(), end='', file=sys.stderr)"
    )
    done = subprocess.run([str(python), "-c", code, str(path)], capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout)
    assert shown["author"] == "Ada"
    (graph,) = shown["subgraph_metadata"]
    assert graph["input_tensor_metadata"][0]["content"]["content_properties"]["color_space"] == "RGB"
    assert graph["output_tensor_metadata"][0]["associated_files"][0]["type"] == "TENSOR_AXIS_LABELS"
    assert done.stderr.splitlines() == list(FULL.labels)


# === Damaged files ===

READERS = {
    "describe": describe,
    "read_metadata": read_metadata,
    "LiteRTModel": LiteRTModel,
    "inspect_file": inspect_file,
    "GestureRecognizer": GestureRecognizer,
    "load_model": keras_action.load_model,
}


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", READERS)
def test_a_truncated_file_is_named(path, name, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"model\.tflite.*(truncated|not a LiteRT file)"):
        READERS[name](path)


@pytest.mark.parametrize("seed", range(4))
def test_garbage_is_named(path, seed):
    data = path.read_bytes()
    path.write_bytes(data[:8] + np.random.default_rng(seed).bytes(len(data) - 8))
    for read in READERS.values():
        with pytest.raises(ValueError, match=r"model\.tflite.*truncated"):
            read(path)

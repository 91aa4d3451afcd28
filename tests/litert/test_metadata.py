import dataclasses
import zipfile

import pytest

from keras_action.litert import LiteRTModel, Metadata, read_metadata, write_metadata
from tests.litert.color_model import LABELS, color_clips

FULL = Metadata(
    labels=("none", "Wink nach links"),
    num_segments=8,
    input_size=(112, 96),
    clip_seconds=1.6,
    quantization="int8",
    package_version="1.2.3",
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

import dataclasses
import json
import subprocess
import sys
import zipfile

import flatbuffers
import numpy as np
import pytest

import keras_action
from keras_action import GestureRecognizer
from keras_action.litert import LiteRTFile, LiteRTModel, Metadata, describe, inspect_file, read_metadata, write_metadata
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
    path.write_bytes(reports["float32"].path.read_bytes())
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
    with zipfile.ZipFile(reports["float32"].path) as archive:
        assert archive.testzip() is None
        assert archive.read("labels.txt").decode().split() == list(LABELS)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"return_sequences": True}, True), ({"extra": {"trained_on_streams": False}}, False), ({"extra": {}}, None)],
)
def test_trained_on_streams(fields, expected):
    assert dataclasses.replace(FULL, **fields).trained_on_streams is expected


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
    file = LiteRTFile.read(path)
    file.attachments["keras_action.json"] = file.attachments["keras_action.json"].replace(b"num_segm", b"num_sigm")
    file.edited()
    path.write_bytes(file.data)
    with pytest.raises(ValueError, match=r"model.tflite: the metadata can't be read"):
        read_metadata(path)


def test_metadata_with_other_bytes(path):
    write_metadata(path, FULL)
    path.write_bytes(path.read_bytes().replace(b"num_segments", b"num_sigments"))
    with pytest.raises(ValueError, match=r"model.tflite: the metadata of the LiteRT file is damaged"):
        read_metadata(path)


class Table:
    """A table of TFLite's metadata, by the places of the schema's fields."""

    def __init__(self, data, position):
        self.table = flatbuffers.table.Table(data, position)

    def _position(self, place):
        return self.table.Pos + self.table.Offset(4 + 2 * place)

    def has(self, place):
        return bool(self.table.Offset(4 + 2 * place))

    def string(self, place):
        return self.table.String(self._position(place)).decode()

    def number(self, place, flags):
        return self.table.Get(flags, self._position(place))

    def child(self, place):
        return Table(self.table.Bytes, self.table.Indirect(self._position(place)))

    def children(self, place):
        offset = self.table.Offset(4 + 2 * place)
        start = self.table.Vector(offset)
        return [
            Table(self.table.Bytes, self.table.Indirect(start + 4 * i)) for i in range(self.table.VectorLen(offset))
        ]

    def floats(self, place):
        return self.table.GetVectorAsNumpy(flatbuffers.number_types.Float32Flags, self.table.Offset(4 + 2 * place))


def standard_metadata(path):
    """The root table, and those of the inputs and the outputs."""
    file = LiteRTFile.read(path)
    (entry,) = (entry for entry in file.model.metadata if entry.name == b"TFLITE_METADATA")
    data = bytes(bytearray(file.model.buffers[entry.buffer].data))
    assert data[4:8] == b"M001"
    root = Table(data, flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0))
    (graph,) = root.children(3)
    return root, graph.children(2), graph.children(3)


def test_metadata_of_tflite(path):
    write_metadata(path, FULL)
    root, (clip,), (logits,) = standard_metadata(path)
    assert [root.string(place) for place in (0, 1, 2)] == ["gestures", "Two gestures.", "1.2.3"]
    assert [root.string(place) for place in (4, 5)] == ["Ada", "Apache-2.0"]
    assert (clip.string(0), logits.string(0)) == ("clip", "logits")
    types = flatbuffers.number_types
    image = clip.child(3).child(1)
    assert clip.child(3).number(0, types.Uint8Flags) == 2  # ImageProperties
    assert image.number(0, types.Int8Flags) == 1  # RGB
    assert [image.child(1).number(place, types.Uint32Flags) for place in (0, 1)] == [96, 112]
    (unit,) = clip.children(4)
    assert unit.number(0, types.Uint8Flags) == 1  # NormalizationOptions
    assert [unit.child(1).floats(place) for place in (0, 1)] == [[0.0], [1.0]]
    assert [clip.child(5).floats(place) for place in (0, 1)] == [[255.0], [0.0]]
    (labels,) = logits.children(6)
    assert labels.string(0) == "labels.txt" and labels.number(2, types.Int8Flags) == 2  # TENSOR_AXIS_LABELS
    write_metadata(path, dataclasses.replace(FULL, labels=None, name="other"))
    root, _, (logits,) = standard_metadata(path)
    assert root.string(0) == "other" and not logits.has(6)


def test_description(path):
    write_metadata(path, FULL)
    text = describe(path)
    for part in ("operators", "XNNPACK", "none, Wink nach links", "one every 0.2 s", "Ada", "mobilenet_v2"):
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


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("name", READERS)
def test_a_truncated_file_is_named(path, name, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match=r"model\.tflite.*(truncated|not a LiteRT file)"):
        READERS[name](path)


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_a_file_cut_anywhere(reports, path, quantization):
    """But between the model and the archive behind it, where a whole model is left."""
    data = reports[quantization].path.read_bytes()
    end = data.index(b"PK\x03\x04")
    cuts = [*range(0, 64, 3), *range(64, end - 1, end // 40), *range(end + 60, len(data) - 1, 97), len(data) - 1]
    for cut in cuts:
        path.write_bytes(data[:cut])
        with pytest.raises(ValueError, match=r"model\.tflite.*(truncated|not a LiteRT file)"):
            describe(path)


@pytest.mark.parametrize("seed", range(4))
def test_garbage_is_named(path, seed):
    data = path.read_bytes()
    path.write_bytes(data[:8] + np.random.default_rng(seed).bytes(len(data) - 8))
    for read in READERS.values():
        with pytest.raises(ValueError, match=r"model\.tflite.*truncated"):
            read(path)

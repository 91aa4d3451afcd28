import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_action.recognition import GestureRecognizer
from keras_action.recognition.loading import load_recognition_model, stream_warning

ROOT = Path(__file__).resolve().parents[2]

WITHOUT_TENSORFLOW = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "jax", "torch"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Block())
import numpy as np
import keras_action
from keras_action.data import iter_frames

recognizer = keras_action.GestureRecognizer(sys.argv[1], settings=sys.argv[2])
events = []
for i in range(40):
    frame = np.zeros((12, 16, 3), "uint8")
    frame[..., 0] = 230 * (10 <= i < 20)
    events += recognizer.push(frame, i / 10)
print([event.label for event in events + recognizer.flush()])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    from keras_action.litert import convert
    from keras_action.models import streaming_model
    from keras_action.training.recipe import Recipe
    from keras_action.training.run import write_run
    from tests.litert.color_model import LABELS, make_color_model

    folder = tmp_path_factory.mktemp("models")
    model = make_color_model()
    convert(model, folder / "clips.tflite", labels=LABELS, clip_seconds=1.0)
    stream = streaming_model(make_color_model(causal=True))
    recipe = {"crop_to_aspect_ratio": False}
    convert(stream, folder / "frames.tflite", labels=LABELS, clip_seconds=1.0, metadata={"recipe": recipe})
    (folder / "run").mkdir()
    model.save(folder / "run" / "best.keras")
    model.save(folder / "bare.keras")
    recipe = Recipe().replace(model="tsn", num_segments=4, input_size=16, weights=None, crop_to_aspect_ratio=False)
    write_run(folder / "run", recipe, LABELS, 1.5)
    return folder


@pytest.mark.parametrize(
    ("name", "seconds"), [("clips.tflite", 1.0), ("run", 1.5), ("run/best.keras", 1.5), ("bare.keras", None)]
)
def test_what_a_file_tells(folder, name, seconds):
    loaded = load_recognition_model(folder / name)
    assert loaded.model.input_shape == (None, 4, 16, 16, 3)
    assert loaded.labels == (None if seconds is None else ("none", "red", "green", "blue"))
    assert loaded.clip_seconds == seconds
    assert loaded.crop_to_aspect_ratio != name.startswith("run")
    assert loaded.trained_on_streams is loaded.knows_streams is (False if name.startswith("run") else None)


def test_a_litert_file_needs_neither_tensorflow_nor_keras(folder, tmp_path):
    from keras_action.recognition import EventSettings

    EventSettings.for_clips(1.0, on_threshold=0.6).save(tmp_path / "events.json")
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, str(folder / "clips.tflite"), str(tmp_path / "events.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['red']"


@pytest.mark.parametrize("kind", ["clips", "frames"])
def test_an_object_serves_as_well_as_its_path(folder, kind):
    from keras_action.litert import LiteRTModel, LiteRTStream

    path, Model = folder / f"{kind}.tflite", {"clips": LiteRTModel, "frames": LiteRTStream}[kind]
    by_path, by_object = GestureRecognizer(path), GestureRecognizer(Model(path))
    for recognizer in (by_path, by_object):
        assert type(recognizer.model) is Model
        assert recognizer.labels == ("none", "red", "green", "blue")
        assert (recognizer.clip_seconds, recognizer.stride) == (1.0, 0.25)
        assert (recognizer.num_segments, recognizer.input_size) == (4, (16, 16))
        assert recognizer.crop_to_aspect_ratio == (kind == "clips")
    events = [list(_play(recognizer)) for recognizer in (by_path, by_object)]
    assert [event.label for event in events[0]] == ["red"]
    assert events[0] == events[1]


def test_settings_in_a_file(folder, tmp_path):
    """They are used unless other settings, or windows of another length, are given."""
    from keras_action.litert import read_metadata, write_metadata
    from keras_action.recognition import EventSettings

    path = tmp_path / "tuned.tflite"
    path.write_bytes((folder / "clips.tflite").read_bytes())
    tuned, other = EventSettings.for_clips(1.0, on_threshold=0.55), EventSettings.for_clips(1.0, on_threshold=0.8)
    metadata = read_metadata(path)
    write_metadata(path, dataclasses.replace(metadata, extra={**metadata.extra, "event_settings": tuned.to_dict()}))
    assert load_recognition_model(path).settings == tuned
    assert load_recognition_model(path).knows_streams is True and GestureRecognizer(path).knows_streams is True
    assert GestureRecognizer(folder / "clips.tflite").knows_streams is None
    assert load_recognition_model(folder / "clips.tflite").settings is None
    assert GestureRecognizer(path).settings == tuned
    assert GestureRecognizer(path, settings=other).settings == other
    assert GestureRecognizer(path, window_seconds=0.5).settings == EventSettings.for_clips(1.0)
    write_metadata(path, dataclasses.replace(metadata, extra={"event_settings": {"on_threshold": 7}}))
    with pytest.raises(ValueError, match="on_threshold=7"):
        GestureRecognizer(path)


@pytest.mark.parametrize(
    ("knows_streams", "labels", "parts"),
    [
        (True, ("none", "a"), None),
        (False, ("None", "a"), ["g.tflite was trained on whole clips", " on the same clips: "]),
        (None, ("a", "b"), ["g.tflite may have been trained on whole clips", 'and some of a class "none": ']),
    ],
)
def test_warning_of_a_model_of_clips(knows_streams, labels, parts):
    """The command fits the classes, as only a class without a gesture can fill the pauses."""
    from training.recipes import load_recipe
    from training.train import make_parser

    line = stream_warning("g.tflite", knows_streams, labels)
    assert (line is None) == (parts is None)
    if parts:
        assert all(part in line for part in parts) and "\n" not in line
        arguments = make_parser().parse_args(line.split("keras-action train ")[1].split())
        assert load_recipe(arguments.recipe).return_sequences


def _play(recognizer):
    for i in range(40):
        frame = np.zeros((12, 16, 3), "uint8")
        frame[..., 0] = 230 * (10 <= i < 20)
        yield from recognizer.push(frame, i / 10)
    yield from recognizer.flush()


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such model. Received: model="):
        load_recognition_model(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(ValueError, match=r"A model must be .*notes\.txt"):
        load_recognition_model(tmp_path / "notes.txt")

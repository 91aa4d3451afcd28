import numpy as np
import pytest

from keras_action.recognition import EventDetector, GestureRecognizer

LABELS = ("none", "red")


class RedModel:
    """Says "red" where at least half of a clip is; remembers the clips it saw."""

    input_shape = (None, 4, 8, 8, 3)

    def __init__(self):
        self.clips = []

    def __call__(self, clips):
        self.clips.append(clips[0])
        red = clips[0, ..., 0].mean() / 255
        return np.array([[0.0, 40 * (red - 0.5)]])


def frame(value=0, size=(12, 16)):
    result = np.zeros((*size, 3), "uint8")
    result[..., 0] = value
    return result


def play(recognizer, times, red=()):
    events = []
    for time in times:
        events += recognizer.push(frame(255 * any(start <= time < end for start, end in red)), time)
    return events + recognizer.flush()


@pytest.mark.parametrize(
    "times",
    [np.arange(0, 10, 1 / 12), np.arange(0, 10, 1 / 60), np.cumsum(np.random.default_rng(0).uniform(0.01, 0.15, 120))],
    ids=["12 a second", "60 a second", "uneven"],
)
@pytest.mark.parametrize("offset", [0, 1e6])
def test_gestures_fire_once_at_their_times(times, offset):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    events = play(recognizer, times + offset, red=[(offset + 3, offset + 4), (offset + 6, offset + 7.5)])
    assert [event.label for event in events] == ["red", "red"]
    for event, (start, end) in zip(events, [(3, 4), (6, 7.5)], strict=True):
        assert event.start - offset == pytest.approx(start, abs=0.2)
        assert event.end - offset == pytest.approx(end, abs=0.2)


@pytest.mark.parametrize(
    ("red", "start", "end"), [((0, 1), 0, 1), ((9, 10), 9, 10), ((0, 10), 0, 10)], ids=["first", "last", "all"]
)
def test_gestures_at_the_ends_of_a_stream(red, start, end):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    (event,) = play(recognizer, np.arange(0, 10, 0.05), red=[red])
    assert event.start == pytest.approx(start, abs=0.2)
    assert event.end == pytest.approx(end, abs=0.3)


def test_a_video_of_one_clip():
    (event,) = play(GestureRecognizer(RedModel(), LABELS, clip_seconds=2.0), np.arange(24) / 12, red=[(0, 2)])
    assert event.label == "red"


def test_a_single_frame():
    model = RedModel()
    assert play(GestureRecognizer(model, LABELS, clip_seconds=1.0), [5.0], red=[(0, 9)]) == []
    assert len(model.clips) == 1


def test_window_holds_the_frames_on_show_in_the_middle_of_its_parts():
    model = RedModel()
    recognizer = GestureRecognizer(model, LABELS, clip_seconds=2.0, stride=0.5)
    for i in range(40):
        recognizer.push(frame(i), i / 10)
    # The first window ends a second after the first frame; before it there is only that frame.
    np.testing.assert_array_equal([clip[:, 0, 0, 0] for clip in model.clips[:2]], [[0, 0, 2, 7], [0, 2, 7, 12]])
    # The last ends at 3.5 s: parts of 0.5 s from 1.5 s on, their middles at 1.75, 2.25 …
    np.testing.assert_array_equal(model.clips[5][:, 0, 0, 0], [17, 22, 27, 32])
    assert len(model.clips) == 6


@pytest.mark.parametrize(("fps", "stride", "runs"), [(10, 0.5, 19), (10, 0.25, 37), (1, 0.25, 9)])
def test_one_window_each_stride_but_at_most_one_a_frame(fps, stride, runs):
    model = RedModel()
    recognizer = GestureRecognizer(model, LABELS, clip_seconds=1.0 if fps > 1 else 2.0, stride=stride)
    for i in range(10 * fps):
        recognizer.push(frame(), i / fps)
    assert len(model.clips) == pytest.approx(runs, abs=1)


def test_a_gap_begins_another_stream():
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    events = play(recognizer, [*np.arange(0, 3, 0.1), *np.arange(100, 103, 0.1)], red=[(2, 101)])
    assert len(events) == 2
    assert events[0].end < 4
    assert events[1].start >= 100


def test_memory_does_not_grow():
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    held = set()
    for i in range(3000):
        recognizer.push(frame(), i / 30)
        held.add(len(recognizer._frames))
    assert max(held) < 50


@pytest.mark.parametrize("end", ["reset", "flush"])
def test_a_new_stream_may_begin_at_any_time(end):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    for time in np.arange(0, 5, 0.1):
        recognizer.push(frame(255), time)
    getattr(recognizer, end)()
    (event,) = play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)])
    assert event.start == pytest.approx(2, abs=0.2)


def test_own_detector():
    detector = EventDetector(LABELS, ignore=("none", "red"))
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0, detector=detector)
    assert play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)]) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "pass both. Received: labels=None, clip_seconds=1.0"),
        ({"clip_seconds": None}, "Received: .*clip_seconds=None"),
        ({"clip_seconds": 0}, "Received: clip_seconds=0"),
        ({"stride": -1}, "Received: stride=-1"),
        ({"model": lambda clips: clips}, "must take clips of shape .*input_shape=None"),
        ({"detector": EventDetector(("red", "none"))}, "The detector must have the model's labels"),
    ],
)
def test_wrong_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        GestureRecognizer(**{"model": RedModel(), "labels": LABELS, "clip_seconds": 1.0, **changes})


@pytest.mark.parametrize("shape", [(None, None, 8, 8, 3), (None, 8, 8, 3), (None, 4, 8, 8, 1)])
def test_models_that_are_no_clip_models(shape):
    model = RedModel()
    model.input_shape = shape
    with pytest.raises(ValueError, match=r"T, H and W known. Received: "):
        GestureRecognizer(model, LABELS, clip_seconds=1.0)


@pytest.mark.parametrize("known", [True, False])
def test_as_many_labels_as_classes(known):
    model = RedModel()
    if known:
        model.output_shape = (None, 2)
    with pytest.raises(ValueError, match=r"labels.*Received: "):
        play(GestureRecognizer(model, (*LABELS, "blue"), clip_seconds=1.0), np.arange(0, 2, 0.1))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (frame()[..., :1], "shape=\\(12, 16, 1\\)"),
        (frame()[0], "shape=\\(16, 3\\)"),
        (frame()[None], "shape=\\(1, 12, 16, 3\\)"),
        (frame()[:0], "shape=\\(0, 16, 3\\)"),
        (frame() / 255, "dtype=float64"),
        (frame().tolist(), "Received: list"),
        (None, "Received: NoneType"),
    ],
)
def test_bad_frames(bad, message):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    with pytest.raises(ValueError, match=message):
        recognizer.push(bad, 0.0)


@pytest.mark.parametrize("timestamp", [1.0, 0.5, float("nan"), float("inf"), None, "soon"])
def test_bad_timestamps(timestamp):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    recognizer.push(frame(), 1.0)
    with pytest.raises(ValueError, match=r"go up; the last one was 1.0. Received: timestamp="):
        recognizer.push(frame(), timestamp)
    recognizer.push(frame(), 1.1)  # and it goes on


# === Real models ===


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A Keras model of colours, as a model, as a `.keras` file, and as LiteRT files."""
    pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
    from keras_action.litert import convert
    from tests.litert.color_model import LABELS, color_clips, make_color_model

    folder = tmp_path_factory.mktemp("models")
    model = make_color_model()
    model.save(folder / "model.keras")
    clips, _ = color_clips()
    for name, quantization in (("float32", None), ("int8", "int8")):
        convert(
            model,
            folder / f"{name}.tflite",
            quantization=quantization,
            representative_clips=clips,
            labels=LABELS,
            clip_seconds=1.0,
        )
    convert(model, folder / "bare.tflite")
    return {"model": model, "folder": folder, "labels": LABELS}


@pytest.mark.parametrize("kind", ["model", "model.keras", "float32.tflite", "int8.tflite"])
def test_keras_and_litert_find_the_same(files, kind):
    stored = kind.endswith(".tflite")
    options = {} if stored else {"labels": files["labels"], "clip_seconds": 1.0}
    recognizer = GestureRecognizer(files["model"] if kind == "model" else files["folder"] / kind, **options)
    assert recognizer.labels == files["labels"]
    assert recognizer.clip_seconds == 1.0
    (event,) = play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)])
    assert event.label == "red"
    assert event.start == pytest.approx(2, abs=0.3)
    assert event.end == pytest.approx(3, abs=0.4)  # a quarter of red in a window is red enough for it


def test_file_without_labels_needs_them(files):
    with pytest.raises(ValueError, match="pass both"):
        GestureRecognizer(files["folder"] / "bare.tflite")
    GestureRecognizer(files["folder"] / "bare.tflite", labels=files["labels"], clip_seconds=1.0)


def test_text_for_a_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_text("no model")
    with pytest.raises(ValueError, match="is not a LiteRT file"):
        GestureRecognizer(path)


@pytest.mark.parametrize("name", ["missing.tflite", "missing.keras", "missing"])
def test_missing_model(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"no such model. Received: model="):
        GestureRecognizer(tmp_path / name)

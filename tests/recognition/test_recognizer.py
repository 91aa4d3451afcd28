import dataclasses
import threading
import tracemalloc
import types

import numpy as np
import pytest

from keras_action.recognition import EventSettings, GestureRecognizer, WindowEventSettings
from tests.recognition.fakes import LABELS, RedModel, RedStream, frame, frames, play


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
        held.add(len(recognizer.predictor._frames))
    assert max(held) < 50


@pytest.mark.parametrize("end", ["reset", "flush"])
def test_a_new_stream_may_begin_at_any_time(end):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    for time in np.arange(0, 5, 0.1):
        recognizer.push(frame(255), time)
    getattr(recognizer, end)()
    (event,) = play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)])
    assert event.start == pytest.approx(2, abs=0.2)


def test_settings_of_other_windows():
    with pytest.raises(ValueError, match=r"need `WindowEventSettings`. Received: window_seconds=\(1.0, 2.0\)"):
        GestureRecognizer(RedModel(), LABELS, 1.0, window_seconds=(1, 2), settings=EventSettings())
    with pytest.raises(ValueError, match="A streaming model needs `EventSettings`"):
        GestureRecognizer(RedStream(), settings=WindowEventSettings())
    # Windows of one length can compete too.
    recognizer = GestureRecognizer(RedModel(), LABELS, 1.0, settings=WindowEventSettings(smoothing=0.5))
    (event,) = play(recognizer, np.arange(0, 6, 0.1), red=[(2, 3)])
    assert (event.start, event.end) == (
        pytest.approx(2, abs=recognizer.stride),
        pytest.approx(3, abs=recognizer.stride),
    )


def test_own_settings(tmp_path):
    settings = EventSettings(ignore=("none", "red"), stride=0.5, window_seconds=(2.0,))
    settings.save(tmp_path / "events.json")
    for given in (settings, tmp_path / "events.json", str(tmp_path / "events.json")):
        recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0, settings=given)
        assert recognizer.settings == settings
        assert (recognizer.stride, recognizer.window_seconds) == (0.5, (2.0,))
        assert play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)]) == []
    recognizer = GestureRecognizer(RedModel(), LABELS, 1.0, settings=settings, stride=0.25, window_seconds=1)
    assert (recognizer.stride, recognizer.window_seconds) == (0.25, (1.0,))
    recognizer.settings = dataclasses.replace(settings, on_threshold=0.9)  # they changed no windows before, nor now
    for changes, message in (({"window_seconds": 3}, r"window_seconds, \(1.0,\)"), ({"stride": 0.1}, "stride=0.1")):
        with pytest.raises(ValueError, match=message):
            recognizer.settings = EventSettings(**changes)
    recognizer.settings = str(EventSettings(on_threshold=0.9).save(tmp_path / "others.json"))
    assert recognizer.settings == EventSettings(on_threshold=0.9)
    with pytest.raises(ValueError, match=r"`ignore` must contain labels of the model. Received: ignore=\('blue',\)"):
        recognizer.settings = EventSettings(ignore="blue")
    recognizer.settings = EventSettings(window_seconds=1, stride=0.25)
    assert len(play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)])) == 1


def test_windows_of_several_lengths_compete():
    model = RedModel()
    recognizer = GestureRecognizer(model, LABELS, clip_seconds=1.0, window_seconds=[2, 1], stride=0.5)
    assert recognizer.settings == WindowEventSettings.for_windows((1.0, 2.0))
    for i in range(31):
        recognizer.push(frame(i), i / 10)
    short, long = model.clips[-2:]
    np.testing.assert_array_equal(short[:, 0, 0, 0], [21, 23, 26, 28])  # both end at 3 s
    np.testing.assert_array_equal(long[:, 0, 0, 0], [12, 17, 22, 27])
    assert recognizer.num_inferences == 6
    recognizer.reset()
    assert recognizer.num_inferences == 0
    (event,) = play(recognizer, np.arange(0, 10, 0.1), red=[(3, 5)])
    assert 2.5 < event.start < event.end < 5.5
    recognizer.settings = WindowEventSettings(ignore=LABELS)
    assert play(recognizer, np.arange(20, 30, 0.1), red=[(23, 25)]) == []


@pytest.mark.parametrize("times", ["even", "slow", "uneven", "hiccups"])
def test_a_gesture_that_is_held_fires_once_though_frames_come_late(times):
    rng = np.random.default_rng(0)
    steps = {
        "even": np.full(400, 0.1),
        "slow": np.full(120, 0.35),
        "uneven": rng.uniform(0.3, 0.5, 100),
        "hiccups": np.where(np.arange(600) % 30 == 7, 0.5, 0.05),
    }
    recognizer = GestureRecognizer(
        RedModel(keep=False), LABELS, clip_seconds=2.4, window_seconds=(1.7, 3.4), stride=0.2
    )
    (event,) = play(recognizer, np.cumsum(steps[times]), red=[(5, 35)])
    assert event.label == "red"


def test_events_tell_when_they_fired():
    recognizer = GestureRecognizer(RedModel(), LABELS, 1.0, settings=EventSettings.for_clips(1.0, firing="early"))
    for i in range(100):
        for event in recognizer.push(frame(255 * (3 <= i / 10 < 6)), i / 10):
            assert event.fired == i / 10
            assert 3.5 < event.fired < 6  # before its end, and not before half a window has passed
            assert event.end < event.fired
    assert recognizer.flush() == []
    assert "event" in locals()


# === Live ===


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_frames_without_a_timestamp_have_that_of_the_clock():
    clock = Clock()
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0, clock=clock)
    events = []
    for i in range(60):
        clock.now = 100 + i / 10
        events += recognizer.push(frame(255 * (20 <= i < 30)))
    (event,) = events + recognizer.flush()
    assert (event.start, event.end) == (pytest.approx(102, abs=0.2), pytest.approx(103, abs=0.2))
    assert recognizer.dropped == 0
    recognizer.push(frame())
    assert recognizer.push(frame()) == []  # at the same tick of the clock
    assert recognizer.dropped == 1
    recognizer.reset()
    assert recognizer.dropped == 0


@pytest.mark.parametrize("is_live", [True, False])
def test_only_live_frames_are_dropped_while_another_is_at_work(is_live):
    at_work, go_on = threading.Event(), threading.Event()

    class SlowModel(RedModel):
        def __call__(self, clips):
            at_work.set()
            assert go_on.wait(10)
            return super().__call__(clips)

    model, clock = SlowModel(), Clock()
    recognizer = GestureRecognizer(model, LABELS, clip_seconds=0.2, stride=0.1, clock=clock)
    recognizer.push(frame(), None if is_live else 100.0)
    clock.now = 100.2  # now a window is due
    first = threading.Thread(target=recognizer.push, args=(frame(), None if is_live else 100.2))
    first.start()
    assert at_work.wait(10)
    clock.now = 100.25
    others = [
        threading.Thread(target=recognizer.push, args=(frame(), None if is_live else 100.25))
        for _ in range(5 if is_live else 1)
    ]
    for thread in others:
        thread.start()
    if is_live:
        for thread in others:
            thread.join(10)
        assert recognizer.dropped == 5
    go_on.set()
    for thread in (first, *others):
        thread.join(10)
        assert not thread.is_alive()
    assert recognizer.dropped == (5 if is_live else 0)


def test_push_from_many_threads():
    clock, errors = Clock(), []
    tick = threading.Lock()

    def now():
        with tick:
            clock.now += 0.001
            return clock.now

    model = RedModel(keep=False)
    recognizer = GestureRecognizer(model, LABELS, clip_seconds=0.1, stride=0.01, clock=now)

    def work():
        try:
            for _ in range(200):
                recognizer.push(frame())
        except Exception as error:  # shown in the test, not in the thread
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert model.runs > 0


@pytest.mark.parametrize("kind", ["clips", "streaming"])
def test_a_live_model_may_be_slower_than_its_window(kind, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("keras_action.recognition.recognizer.time", types.SimpleNamespace(monotonic=clock))

    class Slow(RedModel if kind == "clips" else RedStream):
        def __call__(self, inputs):
            clock.now += 1.5
            return super().__call__(inputs)

    recognizer = GestureRecognizer(Slow(), LABELS, clip_seconds=1.0, clock=clock)
    events = []
    while clock.now < 150:
        events += recognizer.push(frame(255 * (110 < clock.now < 130)))
        clock.now += 0.05  # the next frame of the camera
    (event,) = events
    assert (event.start, event.end) == (pytest.approx(110, abs=3), pytest.approx(130, abs=3))
    clock.now += 3  # the camera paused
    recognizer.push(frame())
    assert recognizer.predictor._frames[0][0] > 152 if kind == "clips" else recognizer.model.resets == 2


def test_frames_that_are_too_late_are_dropped():
    clock = Clock()
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0, max_lag=0.5, clock=clock)
    recognizer.push(frame(), 99.8)
    recognizer.push(frame(), 99.9)
    clock.now = 101.0
    recognizer.push(frame(), 100.0)
    assert recognizer.dropped == 1
    recognizer.push(frame(), 100.6)
    assert recognizer.dropped == 1
    recognizer.push(frame())
    recognizer.push(frame())  # at the same tick of the clock
    assert recognizer.dropped == 2


MODELS = {"clips": lambda: (RedModel(keep=False), LABELS, 1.0), "streaming": lambda: (RedStream(keep=False),)}


def watch(recognizer, start, count, fps):
    """Push frames with a red stretch now and then; returns the number of events."""
    dark, red, events = frame(size=(8, 8)), frame(255, size=(8, 8)), 0
    for i in range(start, start + count):
        events += len(recognizer.push(red if i % (4 * fps) < fps else dark, i / fps))
    return events


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_memory_stays_the_same(make):
    recognizer = GestureRecognizer(*make())
    watch(recognizer, 0, 300, fps=5)
    tracemalloc.start()
    try:
        watch(recognizer, 300, 100, fps=5)
        before, _ = tracemalloc.get_traced_memory()
        watch(recognizer, 400, 1000, fps=5)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert abs(after - before) < 5000  # a frame or a row of logits that stays would make 200 kB


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_memory_stays_the_same_over_hours(make):
    resource = pytest.importorskip("resource", reason="there is no resource module on this system")
    recognizer, size, events = GestureRecognizer(*make()), [], 0
    for hour in range(4):
        events += watch(recognizer, hour * 36_000, 36_000, fps=10)
        size.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert events == 4 * 900
    assert size[3] - size[0] < 2048  # kB


# === Streaming models ===


@pytest.mark.parametrize(
    "times",
    [np.arange(0, 10, 1 / 30), np.arange(0, 10, 0.2), np.cumsum(np.random.default_rng(0).uniform(0.01, 0.3, 65))],
    ids=["30 a second", "5 a second", "uneven"],
)
def test_streaming_models_find_gestures_at_their_times(times):
    model = RedStream(num_segments=8, clip_seconds=1.0)
    recognizer = GestureRecognizer(model)
    assert (recognizer.labels, recognizer.clip_seconds, recognizer.stride) == (LABELS, 1.0, 0.125)
    events = play(recognizer, times, red=[(0, 1), (3, 4), (6, 7.5)])
    assert [event.label for event in events] == ["red"] * 3
    for event, (start, end) in zip(events, [(0, 1), (3, 4), (6, 7.5)], strict=True):
        assert event.start == pytest.approx(start, abs=0.4)
        assert event.end == pytest.approx(end, abs=0.4)
    # One frame a step, whatever the camera's rate, and half a clip after the last.
    assert len(model.seen) == pytest.approx((times[-1] - times[0]) / 0.125 + 4, abs=2)


def test_logits_of_steps_are_not_averaged():
    model = RedStream(num_segments=40, clip_seconds=5.0)
    model.metadata.return_sequences = True
    recognizer = GestureRecognizer(model)
    assert (recognizer.stride, recognizer.predictor.average_over) == (0.125, 1)
    assert recognizer.settings == EventSettings.for_steps(0.125)
    assert recognizer.settings.firing == "early"
    events = []
    for time, picture in frames(np.arange(0, 10, 1 / 30), red=[(3, 4), (6, 7.5)]):
        events += [(time, event.label) for event in recognizer.push(picture, time)]
    # Reported within two steps, and not once more while it lasts.
    assert [label for _, label in events] == ["red", "red"]
    assert [time for time, _ in events] == pytest.approx([3.2, 6.2], abs=0.2)


def test_a_gap_and_the_end_reset_a_streaming_model():
    model = RedStream()
    recognizer = GestureRecognizer(model)
    before = model.resets
    play(recognizer, [0, 0.1, 0.2, 50, 50.1])
    assert model.resets == before + 2


@pytest.mark.parametrize(
    "options", [{"stride": 0.1}, {"window_seconds": 2}, {"settings": EventSettings(window_seconds=(2,))}]
)
def test_a_streaming_model_has_no_windows(options):
    with pytest.raises(ValueError, match=r"without windows. Received: (settings\.)?(stride|window_seconds)"):
        GestureRecognizer(RedStream(), **options)


def test_a_streaming_model_without_metadata():
    model = RedStream()
    model.metadata = None
    with pytest.raises(ValueError, match="must contain its time step"):
        GestureRecognizer(model, LABELS, clip_seconds=1.0)


def test_whole_frames_where_the_model_was_trained_on_them():
    left = np.zeros((10, 60, 3), "uint8")
    left[:, :20, 0] = 255
    for crop_to_aspect_ratio, expected in ((True, 0), (False, 1 / 3)):
        model = RedModel()
        recognizer = GestureRecognizer(model, LABELS, clip_seconds=1.0, crop_to_aspect_ratio=crop_to_aspect_ratio)
        recognizer.push(left, 0.0)
        recognizer.flush()
        assert model.clips[0][..., 0].mean() / 255 == pytest.approx(expected, abs=0.01)


def test_logits_of_a_streaming_model_that_do_not_fit():
    with pytest.raises(ValueError, match=r"must give logits \(3,\), as there are 3 labels. Received: .*\(2,\)"):
        play(GestureRecognizer(RedStream(), labels=("a", "b", "c")), [0, 0.5, 1.0])


# === Arguments ===


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "pass both. Received: labels=None, clip_seconds=1.0"),
        ({"clip_seconds": None}, "Received: .*clip_seconds=None"),
        ({"clip_seconds": 0}, "Received: clip_seconds=0"),
        ({"stride": -1}, "Received: stride=-1"),
        ({"model": lambda clips: clips}, "must take clips of shape .*input_shape=None"),
        ({"settings": EventSettings(ignore=("blue",))}, "`ignore` must contain labels"),
        ({"window_seconds": (1, -1)}, "positive numbers of seconds"),
        ({"max_lag": 0}, "Received: max_lag=0"),
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


@pytest.mark.parametrize("timestamp", [1.0, 0.5, float("nan"), float("inf"), "soon"])
def test_bad_timestamps(timestamp):
    recognizer = GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0)
    recognizer.push(frame(), 1.0)
    with pytest.raises(ValueError, match=r"increase; the last one was 1.0. Received: timestamp="):
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
    for name in ("float32", "int8"):
        convert(
            model,
            folder / f"{name}.tflite",
            quantization=name,
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


def test_a_litert_model_serves_as_well_as_its_path(files, tmp_path):
    from keras_action.litert import LiteRTModel, convert

    path = tmp_path / "squashed.tflite"
    recipe = {"crop_to_aspect_ratio": False}
    convert(files["model"], path, labels=files["labels"], clip_seconds=1.0, metadata={"recipe": recipe})
    for name, crops in (("float32.tflite", True), ("squashed.tflite", False)):
        path = (files["folder"] if crops else tmp_path) / name
        recognizers = [GestureRecognizer(model) for model in (path, LiteRTModel(path))]
        for recognizer in recognizers:
            assert (recognizer.labels, recognizer.clip_seconds) == (files["labels"], 1.0)
            assert recognizer.crop_to_aspect_ratio is crops
        one, other = (play(recognizer, np.arange(0, 5, 0.1), red=[(2, 3)]) for recognizer in recognizers)
        assert one == other and len(one) == 1


def test_a_streaming_object_keeps_the_way_of_resizing():
    model = RedStream()
    assert GestureRecognizer(model).crop_to_aspect_ratio is True
    model.metadata.crop_to_aspect_ratio = False
    assert GestureRecognizer(model).crop_to_aspect_ratio is False
    assert GestureRecognizer(model, crop_to_aspect_ratio=True).crop_to_aspect_ratio is True
    model.num_classes = 2
    with pytest.raises(ValueError, match="The model has 2 classes, so it needs 2 labels"):
        GestureRecognizer(model, labels=("a", "b", "c"))


def test_file_without_labels_needs_them(files):
    with pytest.raises(ValueError, match="pass both"):
        GestureRecognizer(files["folder"] / "bare.tflite")
    recognizer = GestureRecognizer(files["folder"] / "bare.tflite", labels=files["labels"], clip_seconds=1.0)
    assert recognizer.crop_to_aspect_ratio is True


def test_text_for_a_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_text("no model")
    with pytest.raises(ValueError, match="is not a LiteRT file"):
        GestureRecognizer(path)


@pytest.mark.parametrize("name", ["missing.tflite", "missing.keras", "missing"])
def test_missing_model(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"no such model. Received: model="):
        GestureRecognizer(tmp_path / name)

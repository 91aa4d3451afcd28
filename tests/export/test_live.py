import threading

import pytest

from export.live import FrameClock, LiveRecognition, Monitor
from keras_action.recognition import EventSettings, GestureRecognizer
from tests.recognition.fakes import LABELS, RedModel, frame, frames

SETTINGS = EventSettings.for_clips(1.0)


def make_monitor(model=None, clock=None):
    model = RedModel() if model is None else model
    options = {} if clock is None else {"clock": clock}
    return Monitor(GestureRecognizer(model, LABELS, clip_seconds=1.0, settings=SETTINGS, **options))


def test_monitor_tells_what_is_active_label():
    monitor = make_monitor()
    assert (monitor.scores, monitor.active_label) == (None, None)
    events, seen = [], set()
    for timestamp, picture in frames([0.1 * i for i in range(60)], red=[(2, 4)]):
        events += monitor.push(picture, timestamp)
        seen.add(monitor.active_label)
    assert [event.label for event in events] == ["red"]
    assert seen == {None, "red"}
    assert sum(monitor.scores) == pytest.approx(1)
    assert len(monitor.milliseconds) == monitor.recognizer.model.runs


def test_monitor_of_windows_of_several_lengths():
    monitor = Monitor(GestureRecognizer(RedModel(), LABELS, clip_seconds=1.0, window_seconds=(0.5, 1.0)))
    events, seen = [], set()
    for timestamp, picture in frames([0.1 * i for i in range(60)], red=[(2, 3)]):
        events += monitor.push(picture, timestamp)
        seen.add(monitor.active_label)
        if monitor.scores is not None:
            assert sum(monitor.scores) == pytest.approx(1)
    assert [event.label for event in events] == ["red"]
    assert seen == {None, "red"}
    assert len(monitor.milliseconds) == monitor.recognizer.num_inferences == monitor.recognizer.model.runs


def test_live_frames_have_the_time_of_the_camera():
    """The newest frame is recognised, at the time at which it was taken, not at that of its turn."""
    clock, events, done = FrameClock(), [], threading.Event()

    def take(new):
        events.extend(new)
        done.set()

    monitor = make_monitor(clock=clock)
    live = LiveRecognition(monitor, clock, take)
    for timestamp, picture in frames([0.1 * i for i in range(80)], red=[(2, 4)]):
        done.clear()
        live.push(picture, timestamp)
        assert done.wait(5)
    live.close()
    assert [event.label for event in events] == ["red"]
    assert events[0].start == pytest.approx(2, abs=0.4)
    assert live.dropped == 0


def test_frames_are_dropped_while_the_model_works():
    started, go_on = threading.Event(), threading.Event()

    class SlowModel(RedModel):
        def __call__(self, clips):
            started.set()
            assert go_on.wait(5)
            return super().__call__(clips)

    clock = FrameClock()
    live = LiveRecognition(make_monitor(SlowModel(), clock), clock, lambda events: None)
    timestamp = 0.0
    while not started.is_set():  # half a clip after the first frame the model looks for the first time
        live.push(frame(), timestamp)
        timestamp += 0.1
    before = live.dropped
    for i in range(5):
        live.push(frame(), timestamp + i)
    assert live.dropped - before >= 4
    go_on.set()
    live.close()


def test_errors_come_back_to_the_camera():
    class BrokenModel(RedModel):
        def __call__(self, clips):
            raise RuntimeError("out of order")

    clock = FrameClock()
    live = LiveRecognition(make_monitor(BrokenModel(), clock), clock, lambda events: None)
    with pytest.raises(RuntimeError, match="out of order"):
        for i in range(10_000):
            live.push(frame(), 0.3 * i)
    with pytest.raises(RuntimeError, match="out of order"):
        live.close()

import numpy as np
import pytest

from keras_action.recognition import FrameSteps, SlidingWindows
from tests.recognition.fakes import MeanStream, RedModel, RedStream, frame


def small(value):
    return frame(value, size=(8, 8))


def test_windows_have_the_time_of_their_centre():
    windows = SlidingWindows(RedModel(), 4, 2, lengths=(1.0,), stride=0.25)
    readings = [reading for i in range(11) for reading in windows.push(small(0), 5 + i / 5)]
    assert [reading.time for reading in readings] == pytest.approx([5, 5.25, 5.5, 5.75, 6, 6.25, 6.5])
    assert [reading.now for reading in readings] == pytest.approx([5.6, 5.8, 6, 6.4, 6.6, 6.8, 7])
    assert [reading.time for reading in windows.flush()] == pytest.approx([6.75, 7])
    assert windows.flush() == []


@pytest.mark.parametrize("fps", [3, 7, 10, 12, 25, 29.97, 30, 60])
@pytest.mark.parametrize("stride", [0.1, 0.25, 0.3, 1 / 3])
def test_moments_are_a_whole_number_of_strides_apart(fps, stride):
    windows = SlidingWindows(RedModel(keep=False), 4, 2, lengths=(1.0,), stride=stride)
    readings = [reading for i in range(int(8 * fps)) for reading in windows.push(small(0), i / fps)]
    steps = np.diff([reading.time for reading in readings + windows.flush()]) / stride
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert steps.min() > 0.5
    assert steps.max() < 1.5 + 1 / (fps * stride)


def test_windows_of_several_lengths_end_at_once():
    model = RedModel()
    windows = SlidingWindows(model, 4, 2, lengths=(1.0, 4.0), stride=0.5)
    readings = [reading for i in range(60) for reading in windows.push(small(i), i / 10)]
    assert [(r.time, r.now, r.length) for r in readings[:2]] == [(0, 0.5, 1), (0.5, 1, 1)]
    assert [(r.time, r.now, r.length) for r in readings[-2:]] == [(5, 5.5, 1), (3.5, 5.5, 4)]
    short, long = model.clips[-2:]
    np.testing.assert_array_equal(short[:, 0, 0, 0], [46, 48, 51, 53])
    np.testing.assert_array_equal(long[:, 0, 0, 0], [20, 30, 40, 50])
    readings += windows.flush()
    for length in (1, 4):
        times = [reading.time for reading in readings if reading.length == length]
        np.testing.assert_allclose(times, np.arange(len(times)) / 2)
        assert times[-1] == 5.5


def test_steps_show_the_frame_on_screen_and_mean_the_last_logits():
    model = RedStream()
    steps = FrameSteps(model, num_segments=4, classes=2, step=0.25)
    readings = [reading for i in range(21) for reading in steps.push(small(10 * i), i / 10)]
    assert model.seen == [0, 20, 50, 70, 100, 120, 150, 170]
    assert [reading.time for reading in readings] == pytest.approx([0, 0.125, 0.25, 0.375, 0.625, 0.875, 1.125, 1.375])
    assert readings[-1].logits[1] == pytest.approx(40 * (np.mean([100, 120, 150, 170]) / 255 - 0.5))
    assert [reading.time for reading in steps.flush()] == pytest.approx([1.625, 1.875])
    assert model.seen[8:] == [200] * 3


def test_a_mean_inside_of_the_model_is_not_taken_again():
    sources = [FrameSteps(model, 4, 2, 0.25) for model in (RedStream(), MeanStream(4))]
    outside, inside = (
        [*(reading for i in range(21) for reading in steps.push(small(10 * i), i / 10)), *steps.flush()]
        for steps in sources
    )
    assert [reading.time for reading in inside] == pytest.approx([reading.time for reading in outside])
    np.testing.assert_allclose([r.logits for r in inside], [r.logits for r in outside], atol=1e-9)


def test_a_mean_inside_belongs_to_the_middle_of_its_own_frames():
    steps = FrameSteps(MeanStream(2), 4, 2, 0.25)
    readings = [reading for i in range(9) for reading in steps.push(small(10 * i), i / 4)]
    assert [reading.time for reading in readings] == pytest.approx([0, *np.arange(1, 8) / 4 - 0.125])
    assert readings[-1].logits[1] == pytest.approx(40 * (65 / 255 - 0.5))
    assert [reading.time for reading in steps.flush()] == pytest.approx([1.875])


def test_live_steps_are_left_out_where_the_model_is_too_slow():
    model = RedStream()
    steps = FrameSteps(model, num_segments=4, classes=2, step=0.25)
    times = [0, 0.9, 1.8, 2.7]
    readings = [reading for time in times for reading in steps.push(small(int(10 * time)), time, is_live=True)]
    assert len(readings) == len(model.seen) == 3
    assert model.seen == [0, 9, 18]


def test_reset_forgets():
    model = RedStream()
    for source in (SlidingWindows(RedModel(), 4, 2, (1.0,), 0.25), FrameSteps(model, 4, 2, 0.25)):
        source.push(small(255), 7.0)
        source.reset()
        assert source.flush() == []
        assert source.push(small(0), 1.0) == []
    assert model.seen == []


def test_logits_that_are_no_numbers():
    windows = SlidingWindows(lambda clips: np.full((len(clips), 2), np.nan), 4, 2, (1.0,), 0.25)
    with pytest.raises(ValueError, match=r"finite logits. Received: logits=\[\[nan nan\]\]"):
        _ = [windows.push(small(0), i / 4) for i in range(8)]

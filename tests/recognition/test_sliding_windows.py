import numpy as np
import pytest

from keras_action.recognition import SlidingWindows
from tests.recognition.fakes import RedModel, frame


def small(value):
    return frame(value, size=(8, 8))


def test_windows_have_the_time_of_their_centre():
    windows = SlidingWindows(RedModel(), 4, 2, window_seconds=(1.0,), stride=0.25)
    predictions = [prediction for i in range(11) for prediction in windows.push(small(0), 5 + i / 5)]
    assert [prediction.time for prediction in predictions] == pytest.approx([5, 5.25, 5.5, 5.75, 6, 6.25, 6.5])
    assert [prediction.now for prediction in predictions] == pytest.approx([5.6, 5.8, 6, 6.4, 6.6, 6.8, 7])
    assert [prediction.time for prediction in windows.flush()] == pytest.approx([6.75, 7])
    assert windows.flush() == []


@pytest.mark.parametrize("fps", [3, 7, 10, 12, 25, 29.97, 30, 60])
@pytest.mark.parametrize("stride", [0.1, 0.25, 0.3, 1 / 3])
def test_centres_are_a_whole_number_of_strides_apart(fps, stride):
    windows = SlidingWindows(RedModel(keep=False), 4, 2, window_seconds=(1.0,), stride=stride)
    predictions = [prediction for i in range(int(8 * fps)) for prediction in windows.push(small(0), i / fps)]
    steps = np.diff([prediction.time for prediction in predictions + windows.flush()]) / stride
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert steps.min() > 0.5
    assert steps.max() < 1.5 + 1 / (fps * stride)


def test_windows_of_several_lengths_end_at_once():
    model = RedModel()
    windows = SlidingWindows(model, 4, 2, window_seconds=(1.0, 4.0), stride=0.5)
    predictions = [prediction for i in range(60) for prediction in windows.push(small(i), i / 10)]
    assert [(r.time, r.now, r.length) for r in predictions[:2]] == [(0, 0.5, 1), (0.5, 1, 1)]
    assert [(r.time, r.now, r.length) for r in predictions[-2:]] == [(5, 5.5, 1), (3.5, 5.5, 4)]
    short, long = model.clips[-2:]
    np.testing.assert_array_equal(short[:, 0, 0, 0], [46, 48, 51, 53])
    np.testing.assert_array_equal(long[:, 0, 0, 0], [20, 30, 40, 50])
    predictions += windows.flush()
    for length in (1, 4):
        times = [prediction.time for prediction in predictions if prediction.length == length]
        np.testing.assert_allclose(times, np.arange(len(times)) / 2)
        assert times[-1] == 5.5


def test_reset_forgets():
    windows = SlidingWindows(RedModel(), 4, 2, (1.0,), 0.25)
    windows.push(small(255), 7.0)
    windows.reset()
    assert windows.flush() == []
    assert windows.push(small(0), 1.0) == []


def test_logits_that_are_no_numbers():
    windows = SlidingWindows(lambda clips: np.full((len(clips), 2), np.nan), 4, 2, (1.0,), 0.25)
    with pytest.raises(ValueError, match=r"finite logits. Received: logits=\[\[nan nan\]\]"):
        _ = [windows.push(small(0), i / 4) for i in range(8)]

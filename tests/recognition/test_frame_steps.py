import numpy as np
import pytest

from keras_action.recognition import FrameSteps
from tests.recognition.fakes import MeanStream, RedStream, frame


def small(value):
    return frame(value, size=(8, 8))


def test_steps_show_the_frame_on_screen_and_mean_the_last_logits():
    model = RedStream()
    steps = FrameSteps(model, 2, stride=0.25, average_over=4)
    predictions = [prediction for i in range(21) for prediction in steps.push(small(10 * i), i / 10)]
    assert model.seen == [0, 20, 50, 70, 100, 120, 150, 170]
    assert [prediction.time for prediction in predictions] == pytest.approx(
        [0, 0.125, 0.25, 0.375, 0.625, 0.875, 1.125, 1.375]
    )
    assert predictions[-1].logits[1] == pytest.approx(40 * (np.mean([100, 120, 150, 170]) / 255 - 0.5))
    assert [prediction.time for prediction in steps.flush()] == pytest.approx([1.625, 1.875])
    assert model.seen[8:] == [200] * 3


def test_a_mean_inside_of_the_model_is_not_taken_again():
    sources = [FrameSteps(model, 2, 0.25, average_over=4) for model in (RedStream(), MeanStream(4))]
    outside, inside = (
        [*(prediction for i in range(21) for prediction in steps.push(small(10 * i), i / 10)), *steps.flush()]
        for steps in sources
    )
    assert [prediction.time for prediction in inside] == pytest.approx([prediction.time for prediction in outside])
    np.testing.assert_allclose([r.logits for r in inside], [r.logits for r in outside], atol=1e-9)


def test_a_mean_inside_belongs_to_the_middle_of_its_own_frames():
    steps = FrameSteps(MeanStream(2), 2, 0.25, average_over=4)
    predictions = [prediction for i in range(9) for prediction in steps.push(small(10 * i), i / 4)]
    assert [prediction.time for prediction in predictions] == pytest.approx([0, *np.arange(1, 8) / 4 - 0.125])
    assert predictions[-1].logits[1] == pytest.approx(40 * (65 / 255 - 0.5))
    assert [prediction.time for prediction in steps.flush()] == pytest.approx([1.875])


def test_live_steps_are_left_out_where_the_model_is_too_slow():
    model = RedStream()
    steps = FrameSteps(model, 2, stride=0.25, average_over=4)
    times = [0, 0.9, 1.8, 2.7]
    predictions = [prediction for time in times for prediction in steps.push(small(int(10 * time)), time, is_live=True)]
    assert len(predictions) == len(model.seen) == 3
    assert model.seen == [0, 9, 18]


def test_steps_without_a_mean_have_their_own_logits_and_time():
    steps = FrameSteps(RedStream(), 2, 0.25)
    predictions = [prediction for i in range(9) for prediction in steps.push(small(10 * i), i / 4)] + steps.flush()
    assert [prediction.time for prediction in predictions] == pytest.approx(np.arange(9) / 4)
    assert [prediction.logits[1] for prediction in predictions] == pytest.approx(40 * (np.arange(9) / 25.5 - 0.5))
    assert steps.num_inferences == 9


def test_reset_forgets():
    model = RedStream()
    steps = FrameSteps(model, 2, 0.25)
    steps.push(small(255), 7.0)
    steps.reset()
    assert steps.flush() == []
    assert steps.push(small(0), 1.0) == []
    assert model.seen == []

import numpy as np
import pytest

from keras_action.recognition import GestureEvent, draw_events

pytest.importorskip("PIL", reason="Pillow is not installed")

EVENTS = [GestureEvent("swipe_left", 1, 2, 0.9, 1.5, 2.2), GestureEvent("swipe_right", 3, 4, 0.9, 3.5, 4.2)]


@pytest.mark.parametrize("size", [(120, 160), (480, 640), (20, 20)])
@pytest.mark.parametrize(("timestamp", "drawn"), [(0.5, False), (1, True), (1.5, True), (2.5, False), (3.5, True)])
def test_draws_while_an_event_goes_on(size, timestamp, drawn):
    frame = np.full((*size, 3), 128, "uint8")
    result = draw_events(frame, timestamp, EVENTS)
    assert (result.shape, result.dtype) == (frame.shape, np.uint8)
    assert (result != 128).any() == drawn
    assert (frame == 128).all()

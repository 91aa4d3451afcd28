"""From frames to gesture events: `frames → windows → logits → events`."""

from keras_action.recognition.drawing import draw_events
from keras_action.recognition.events import EventDetector, GestureEvent
from keras_action.recognition.matching import GestureSegment, MatchReport, match_events, read_segments
from keras_action.recognition.recognizer import GestureRecognizer

__all__ = [
    "EventDetector",
    "GestureEvent",
    "GestureRecognizer",
    "GestureSegment",
    "MatchReport",
    "draw_events",
    "match_events",
    "read_segments",
]

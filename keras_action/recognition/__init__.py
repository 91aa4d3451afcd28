"""From frames to gesture events: `frames → windows → logits → events`."""

from keras_action.recognition.drawing import draw_events
from keras_action.recognition.events import EventDetector, GestureEvent, SmoothedScores, Smoother
from keras_action.recognition.matching import MatchReport, match_events
from keras_action.recognition.measures import StreamReport, levenshtein_distance
from keras_action.recognition.recognizer import GestureRecognizer
from keras_action.recognition.running_mean import RunningMean
from keras_action.recognition.settings import EventSettings
from keras_action.recognition.tracks import LogitSequence, cached_logits, record_logits
from keras_action.recognition.tuning import (
    OperatingPoint,
    cross_validate,
    evaluate_streams,
    operating_curve,
    tune_events,
)
from keras_action.recognition.window_events import WindowDetector
from keras_action.recognition.windows import FrameSteps, SlidingWindows, WindowPrediction
from keras_action.utils.intervals import Interval, read_intervals

__all__ = [
    "EventDetector",
    "EventSettings",
    "FrameSteps",
    "GestureEvent",
    "GestureRecognizer",
    "Interval",
    "LogitSequence",
    "MatchReport",
    "OperatingPoint",
    "RunningMean",
    "SlidingWindows",
    "SmoothedScores",
    "Smoother",
    "StreamReport",
    "WindowDetector",
    "WindowPrediction",
    "cached_logits",
    "cross_validate",
    "draw_events",
    "evaluate_streams",
    "levenshtein_distance",
    "match_events",
    "operating_curve",
    "read_intervals",
    "record_logits",
    "tune_events",
]

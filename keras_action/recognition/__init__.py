"""From frames to gesture events: `frames → windows → logits → events`."""

from keras_action.recognition.detectors import load_settings
from keras_action.recognition.drawing import draw_events
from keras_action.recognition.event_detector import EventDetector
from keras_action.recognition.frame_steps import FrameSteps
from keras_action.recognition.frames import FrameResizer
from keras_action.recognition.gesture_event import GestureEvent
from keras_action.recognition.logit_sequence import LogitSequence, cached_logits, record_logits
from keras_action.recognition.match_report import MatchReport
from keras_action.recognition.matching import match_at_end, match_events
from keras_action.recognition.measures import StreamReport, levenshtein_distance
from keras_action.recognition.recognizer import GestureRecognizer
from keras_action.recognition.settings import DetectorSettings, EventSettings
from keras_action.recognition.sliding_windows import SlidingWindows, WindowPrediction
from keras_action.recognition.smoothing import SmoothedScores, Smoother
from keras_action.recognition.stream_pipeline import StreamPipeline
from keras_action.recognition.tuning import (
    OperatingPoint,
    cross_validate,
    evaluate_streams,
    operating_curve,
    tune_events,
)
from keras_action.recognition.window_detector import WindowDetector
from keras_action.recognition.window_settings import WindowEventSettings
from keras_action.utils.intervals import Interval, read_intervals

__all__ = [
    "DetectorSettings",
    "EventDetector",
    "EventSettings",
    "FrameResizer",
    "FrameSteps",
    "GestureEvent",
    "GestureRecognizer",
    "Interval",
    "LogitSequence",
    "MatchReport",
    "OperatingPoint",
    "SlidingWindows",
    "SmoothedScores",
    "Smoother",
    "StreamPipeline",
    "StreamReport",
    "WindowDetector",
    "WindowEventSettings",
    "WindowPrediction",
    "cached_logits",
    "cross_validate",
    "draw_events",
    "evaluate_streams",
    "levenshtein_distance",
    "load_settings",
    "match_at_end",
    "match_events",
    "operating_curve",
    "read_intervals",
    "record_logits",
    "tune_events",
]

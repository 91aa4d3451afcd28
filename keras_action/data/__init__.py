"""From videos to batches of clips: annotations, sampling, decoding, augmentation; and made-up gestures."""

from keras_action.data.annotations import AnnotationError, Annotations, Clip, read_annotations
from keras_action.data.decoding import (
    DecodingError,
    VideoInfo,
    count_frames,
    iter_frames,
    probe,
    read_frames,
    write_video,
)
from keras_action.data.failures import FailureLog, TooManyFailuresError
from keras_action.data.pipeline import (
    evaluation_dataset,
    steps_per_epoch,
    training_dataset,
)
from keras_action.data.sampling import sample_segments
from keras_action.data.streams import join_clips
from keras_action.data.synthetic import (
    GESTURES,
    TIME_REVERSED_PAIRS,
    Segment,
    render_gesture,
    write_dataset,
    write_stream,
)
from keras_action.data.transforms import center_crop, color_jitter, multi_scale_corner_crop

__all__ = [
    "GESTURES",
    "TIME_REVERSED_PAIRS",
    "AnnotationError",
    "Annotations",
    "Clip",
    "DecodingError",
    "FailureLog",
    "Segment",
    "TooManyFailuresError",
    "VideoInfo",
    "center_crop",
    "color_jitter",
    "count_frames",
    "evaluation_dataset",
    "iter_frames",
    "join_clips",
    "multi_scale_corner_crop",
    "probe",
    "read_annotations",
    "read_frames",
    "render_gesture",
    "sample_segments",
    "steps_per_epoch",
    "training_dataset",
    "write_dataset",
    "write_stream",
    "write_video",
]

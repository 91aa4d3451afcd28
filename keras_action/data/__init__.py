"""From videos to batches of clips: annotations, sampling, decoding, augmentation; and synthetic gestures."""

from keras_action.data.annotations import read_annotations
from keras_action.data.augmentation import ClipAugmentation
from keras_action.data.clips import AnnotationError, Annotations, Clip
from keras_action.data.color import color_jitter
from keras_action.data.crops import center_crop, multi_scale_corner_crop, resize_short_side, three_crops
from keras_action.data.datasets.by_name import read_data_set
from keras_action.data.datasets.egogesture import read_egogesture
from keras_action.data.datasets.jester import read_jester
from keras_action.data.datasets.something_something import read_something_something
from keras_action.data.decoders import DECODERS, frame_decoder
from keras_action.data.decoding import DecodingError, VideoInfo, count_frames, iter_frames, read_frames, video_info
from keras_action.data.failures import FailureLog, TooManyFailuresError
from keras_action.data.flips import (
    FLIP_PAIRS,
    REVERSAL_PAIRS,
    flip_label_map,
    random_flip,
    random_reversal,
    reversal_label_map,
)
from keras_action.data.folds import check_few_clips, cross_validation_folds
from keras_action.data.frame_folders import list_frames
from keras_action.data.mixing import cutmix, mixup
from keras_action.data.pipeline import evaluation_dataset, steps_per_epoch, training_dataset
from keras_action.data.randaugment import rand_augment
from keras_action.data.sampling import (
    SAMPLING_METHODS,
    sample_clips,
    sample_dense,
    sample_reference_segments,
    sample_segments,
    sampling_method,
)
from keras_action.data.sequence_maker import step_targets
from keras_action.data.sequences import sequence_dataset
from keras_action.data.settings import Augmentation, Cropping, Reading, Sequences
from keras_action.data.shards.format import read_shard_jpegs
from keras_action.data.shards.manifest import read_shards
from keras_action.data.shards.writing import ShardReport, write_shards
from keras_action.data.sources import FrameFolderSource, ShardSource, VideoSource, open_clip
from keras_action.data.splits import split_annotations
from keras_action.data.stream_windows import sample_windows
from keras_action.data.streams import join_clips, stratified_parts
from keras_action.data.synthetic.dataset import (
    SYNTHETIC_GESTURES,
    TIME_REVERSED_PAIRS,
    render_drawing,
    render_gesture,
    render_path,
    write_synthetic_dataset,
    write_synthetic_stream,
)
from keras_action.data.synthetic.drawing import SYNTHETIC_DRAWINGS
from keras_action.data.synthetic.paths import path_distance, random_paths
from keras_action.data.video_writing import write_video
from keras_action.utils.intervals import Interval

__all__ = [
    "DECODERS",
    "FLIP_PAIRS",
    "REVERSAL_PAIRS",
    "SAMPLING_METHODS",
    "SYNTHETIC_DRAWINGS",
    "SYNTHETIC_GESTURES",
    "TIME_REVERSED_PAIRS",
    "AnnotationError",
    "Annotations",
    "Augmentation",
    "Clip",
    "ClipAugmentation",
    "Cropping",
    "DecodingError",
    "FailureLog",
    "FrameFolderSource",
    "Interval",
    "Reading",
    "Sequences",
    "ShardReport",
    "ShardSource",
    "TooManyFailuresError",
    "VideoInfo",
    "VideoSource",
    "center_crop",
    "check_few_clips",
    "color_jitter",
    "count_frames",
    "cross_validation_folds",
    "cutmix",
    "evaluation_dataset",
    "flip_label_map",
    "frame_decoder",
    "iter_frames",
    "join_clips",
    "list_frames",
    "mixup",
    "multi_scale_corner_crop",
    "open_clip",
    "path_distance",
    "rand_augment",
    "random_flip",
    "random_paths",
    "random_reversal",
    "read_annotations",
    "read_data_set",
    "read_egogesture",
    "read_frames",
    "read_jester",
    "read_shard_jpegs",
    "read_shards",
    "read_something_something",
    "render_drawing",
    "render_gesture",
    "render_path",
    "resize_short_side",
    "reversal_label_map",
    "sample_clips",
    "sample_dense",
    "sample_reference_segments",
    "sample_segments",
    "sample_windows",
    "sampling_method",
    "sequence_dataset",
    "split_annotations",
    "step_targets",
    "steps_per_epoch",
    "stratified_parts",
    "three_crops",
    "training_dataset",
    "video_info",
    "write_shards",
    "write_synthetic_dataset",
    "write_synthetic_stream",
    "write_video",
]

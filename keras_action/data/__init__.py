"""From videos to batches of clips: annotations, sampling, decoding, augmentation; and made-up gestures."""

from keras_action.data.annotations import read_annotations
from keras_action.data.augmentation import ClipAugmentation
from keras_action.data.clips import AnnotationError, Annotations, Clip
from keras_action.data.datasets.by_name import read_data_set
from keras_action.data.datasets.egogesture import read_egogesture
from keras_action.data.datasets.jester import read_jester
from keras_action.data.datasets.something_something import read_something_something
from keras_action.data.decoders import DECODERS, frame_decoder
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
from keras_action.data.flips import (
    MIRRORED_PAIRS,
    REVERSED_PAIRS,
    mirrored_ids,
    random_flip,
    random_reversal,
    reversed_ids,
)
from keras_action.data.frame_folders import list_frames, read_clip, read_frame_folder
from keras_action.data.mixing import cut_mix, mix_up
from keras_action.data.pipeline import (
    evaluation_dataset,
    steps_per_epoch,
    training_dataset,
)
from keras_action.data.randaugment import rand_augment
from keras_action.data.sampling import (
    SAMPLING_METHODS,
    sample_clips,
    sample_dense,
    sample_released_segments,
    sample_segments,
    sampling_method,
)
from keras_action.data.shards.format import read_shard_jpegs
from keras_action.data.shards.manifest import read_shards
from keras_action.data.shards.writing import ShardReport, write_shards
from keras_action.data.splits import split_annotations
from keras_action.data.stream_windows import cut_windows
from keras_action.data.streams import deal_clips, join_clips
from keras_action.data.synthetic.dataset import (
    GESTURES,
    TIME_REVERSED_PAIRS,
    render_drawing,
    render_gesture,
    write_dataset,
    write_stream,
)
from keras_action.data.synthetic.drawing import DRAWINGS
from keras_action.data.transforms import (
    center_crop,
    color_jitter,
    multi_scale_corner_crop,
    resize_short_side,
    three_crops,
)
from keras_action.utils.intervals import Segment

__all__ = [
    "DECODERS",
    "DRAWINGS",
    "GESTURES",
    "MIRRORED_PAIRS",
    "REVERSED_PAIRS",
    "SAMPLING_METHODS",
    "TIME_REVERSED_PAIRS",
    "AnnotationError",
    "Annotations",
    "Clip",
    "ClipAugmentation",
    "DecodingError",
    "FailureLog",
    "Segment",
    "ShardReport",
    "TooManyFailuresError",
    "VideoInfo",
    "center_crop",
    "color_jitter",
    "count_frames",
    "cut_mix",
    "cut_windows",
    "deal_clips",
    "evaluation_dataset",
    "frame_decoder",
    "iter_frames",
    "join_clips",
    "list_frames",
    "mirrored_ids",
    "mix_up",
    "multi_scale_corner_crop",
    "probe",
    "rand_augment",
    "random_flip",
    "random_reversal",
    "read_annotations",
    "read_clip",
    "read_data_set",
    "read_egogesture",
    "read_frame_folder",
    "read_frames",
    "read_jester",
    "read_shard_jpegs",
    "read_shards",
    "read_something_something",
    "render_drawing",
    "render_gesture",
    "resize_short_side",
    "reversed_ids",
    "sample_clips",
    "sample_dense",
    "sample_released_segments",
    "sample_segments",
    "sampling_method",
    "split_annotations",
    "steps_per_epoch",
    "three_crops",
    "training_dataset",
    "write_dataset",
    "write_shards",
    "write_stream",
    "write_video",
]

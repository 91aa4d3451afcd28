"""Sequences of streams to train on, joined from labelled clips as they are needed, with a target for every step."""

import numpy as np

from keras_action.data import crops
from keras_action.data.color import color_jitter
from keras_action.data.failures import failure_log
from keras_action.data.sequence_maker import SequenceMaker
from keras_action.data.settings import Augmentation, Cropping, Reading, Sequences
from keras_action.utils.lazy import tensorflow as tf


def sequence_dataset(
    annotations,
    *,
    num_segments,
    input_size,
    batch_size,
    seed=0,
    initial_epoch=0,
    gradient_accumulation_steps=1,
    sequences=Sequences(),
    cropping=Cropping(),
    augmentation=Augmentation(),
    reading=Reading(),
    failures=None,
):
    """Batches of sequences without end, for a model that is trained step by step.

    A sequence is what a stream shows: gestures at different speeds, with pauses of the background between them. Every
    step has a target: the background, while a gesture can't be told from others; then the background and the label of
    the gesture, both right, where that can't be judged; then the label alone, until a little after the end.

    Clips that are whole videos are joined in random order. Clips with `start` and `end` are parts of streams: sections
    are cut from their videos, in which everything between the gestures is background. Each class of gestures comes as
    often as the others, however many clips it has.

    Each sequence depends on (`seed`, epoch, place in the epoch) alone.

    Args:
        annotations: An `Annotations` of videos with a background class, such as "none". Whole videos need clips of it.
            Frame folders and shards can't be read yet.
        num_segments: Steps of a sequence, T.
        input_size: Size of the frames in pixels: a number, or (height, width).
        batch_size: Sequences in a batch, B.
        seed: A whole number.
        initial_epoch: The first epoch, from 0.
        gradient_accumulation_steps: Batches that make one update of the weights. An epoch has about as many sequences
            as there are clips, in whole updates, at least one.
        sequences: A `Sequences`.
        cropping: A `Cropping`. Each clip has its own crop.
        augmentation: An `Augmentation`, of which only `color_jitter` is used, for a sequence as a whole: the other ways
            are for single clips.
        reading: A `Reading`.
        failures: A `FailureLog`, or `None` for a new one.

    Returns:
        An infinite `tf.data.Dataset` of (frames, targets, weights): uint8 (B, T, height, width, 3), RGB; float32
        (B, T, classes), 1 for each right label of a step, as `keras_action.losses.CandidateCrossentropy` takes them;
        and float32 (B, T).

    Raises:
        ValueError: If there is no background class or nothing else, a clip is not a video, gestures of a stream
            overlap, or an augmentation is not for sequences.
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = sequence_dataset(annotations, num_segments=60, input_size=72, batch_size=4)
    model = keras_action.build_action_net(
        "mobilenet_v2", num_classes=9, num_segments=60, input_size=72, causal=True, memory=256, return_sequences=True
    )
    model.compile("adam", keras_action.losses.CandidateCrossentropy())
    model.fit(dataset, steps_per_epoch=100)
    ```
    """
    size = crops.as_pair(input_size)
    _check_augmentation(augmentation)
    failures = failure_log(failures, len(annotations))
    maker = SequenceMaker(annotations, num_segments, cropping.training_short_side(size), sequences, reading, failures)
    per_update = batch_size * gradient_accumulation_steps
    per_epoch = max(1, len(annotations) // per_update) * per_update
    num_classes = len(annotations.labels)

    def make(number):
        epoch, place = divmod(int(number), per_epoch)
        return maker.make(int(number), np.random.SeedSequence([seed, epoch, place]))

    def crop_boxes(canvas, spaces, crop_seed):
        """The crop of each part of a sequence, a box as `tf.image.crop_and_resize` takes it."""

        def draw(part):
            return crops.corner_window(
                spaces[part],
                size,
                tf.random.experimental.stateless_fold_in(crop_seed, part),
                cropping.crop_scales,
                crop_to_aspect_ratio=cropping.crop_to_aspect_ratio,
            )

        window = tf.TensorSpec((2,), tf.int32)
        offsets, sides = tf.map_fn(draw, tf.range(tf.shape(spaces)[0]), fn_output_signature=(window, window))
        corners = tf.concat([offsets, offsets + sides - 1], axis=1)
        return tf.cast(corners, tf.float32) / tf.cast(tf.tile(tf.maximum(canvas - 1, 1), [2]), tf.float32)

    @tf.autograph.experimental.do_not_convert
    def load(number):
        frames, spaces, parts, targets, weights, seeds = tf.numpy_function(
            make,
            (number,),
            (tf.uint8, tf.int32, tf.int32, tf.float32, tf.float32, tf.int32),
            stateful=False,
        )
        crop_seed, color_seed = tf.unstack(tf.random.split(tf.ensure_shape(seeds, (2,)), 2))
        frames = tf.ensure_shape(frames, (num_segments, None, None, 3))
        boxes = tf.gather(crop_boxes(tf.shape(frames)[1:3], tf.ensure_shape(spaces, (None, 2)), crop_seed), parts)
        frames = tf.image.crop_and_resize(frames, tf.ensure_shape(boxes, (num_segments, 4)), range(num_segments), size)
        frames = tf.cast(frames + 0.5, tf.uint8)
        if augmentation.color_jitter:
            frames = color_jitter(frames, color_seed, augmentation.color_jitter)
        targets = tf.ensure_shape(targets, (num_segments, num_classes))
        return frames, targets, tf.ensure_shape(weights, (num_segments,))

    numbers = tf.data.Dataset.counter(initial_epoch * per_epoch)
    dataset = numbers.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _check_augmentation(augmentation):
    used = {
        "flip": augmentation.flip,
        "reversal": augmentation.reversal,
        "rand_augment_ops": augmentation.rand_augment_ops,
        "mixup_alpha": augmentation.mixup_alpha,
        "cutmix_alpha": augmentation.cutmix_alpha,
    }
    used = {name: value for name, value in used.items() if value}
    if used:
        raise ValueError(f"Sequences are augmented by `color_jitter` and crops only. Received: {used}")

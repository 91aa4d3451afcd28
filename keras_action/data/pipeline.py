"""From annotations to batches of clips: sampling, decoding, cropping, augmentation."""

import numpy as np

from keras_action.data import crops, jpeg, mixing
from keras_action.data.color import color_jitter
from keras_action.data.decoding import DecodingError
from keras_action.data.failures import failure_log
from keras_action.data.flips import flip_label_map, random_flip, random_reversal, reversal_label_map
from keras_action.data.randaugment import rand_augment
from keras_action.data.reading import ClipReader, Frames
from keras_action.data.sampling import sample_clips, sampling_method
from keras_action.data.settings import Augmentation, Cropping, Reading
from keras_action.utils.lazy import tensorflow as tf

_CACHE_BYTES = 1024**3  # of finished clips, in evaluation


def steps_per_epoch(num_clips, batch_size):
    """The number of whole batches in a set. The clips left over differ from epoch to epoch.

    Args:
        num_clips: Clips in the set.
        batch_size: Clips in a batch.

    Returns:
        The number of batches, at least 1.

    Raises:
        ValueError: If the set is smaller than a batch.
    """
    if batch_size < 1 or num_clips < batch_size:
        raise ValueError(
            "A batch must have at least one clip, and no more than the set. "
            f"Received: batch_size={batch_size}, {num_clips} clips"
        )
    return num_clips // batch_size


def epoch_order(num_clips, seed, epoch):
    """The places of all clips in the order of an epoch of `training_dataset`, an int64 array."""
    return np.random.default_rng([seed, epoch]).permutation(num_clips)


def training_dataset(
    annotations,
    *,
    num_segments,
    input_size,
    batch_size,
    seed=0,
    initial_epoch=0,
    gradient_accumulation_steps=1,
    sampling="segments",
    cropping=Cropping(),
    augmentation=Augmentation(),
    clip_augmentation=None,
    reading=Reading(),
    failures=None,
    shard=(0, 1),
):
    """An infinite data set of batches of augmented clips, epoch after epoch.

    Each epoch is a permutation of the whole set, cut to `steps_per_epoch` whole batches. Order, frames and augmentation
    of a clip depend on (`seed`, epoch, place in the epoch) alone. They are the same with any number of threads, and
    after a resume at `initial_epoch`. With OpenCV installed, which then resizes frames, pixels differ
    by at most one grey level before augmentation.

    Only the frames that are needed are decoded, and of JPEGs, in frame folders and shards, only the crop.

    A clip that can't be decoded is logged in `failures` and replaced by the next one that can.

    Args:
        annotations: An `Annotations`.
        num_segments: Frames of a clip, T.
        input_size: Size of the clips in pixels: a number, or (height, width).
        batch_size: Clips in a batch, B.
        seed: A whole number.
        initial_epoch: The first epoch, from 0.
        gradient_accumulation_steps: Number of batches for one update of the weights. An epoch has whole updates only:
            `steps_per_epoch(len(annotations), batch_size * gradient_accumulation_steps)` of them.
        sampling: Which frames make a clip: one of `SAMPLING_METHODS`.
        cropping: A `Cropping`.
        augmentation: An `Augmentation`; by default none.
        clip_augmentation: A function from a clip, uint8 (T, height, width, 3), and a seed, int32 (2,), to a clip of
            the same shape: a `ClipAugmentation`, or your own.
        reading: A `Reading`.
        failures: A `FailureLog`, or `None` for a new one.
        shard: `(i, n)`, to read the i-th of n equal consecutive parts of each batch, from 0, in one of n processes that
            train together. MixUp and CutMix mix the clips of a part.

    Returns:
        An infinite `tf.data.Dataset` of (clips, labels): uint8 (B, T, height, width, 3), RGB, and int32 (B,), or, with
        MixUp or CutMix, mixtures of one-hot labels, float32 (B, classes).

    Raises:
        ValueError: If the set is smaller than a batch, an argument is out of range, or no class can be flipped or
            reversed.
        ImportError: If the decoder is not available; the message says what is missing.
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = training_dataset(
        annotations, num_segments=8, input_size=64, batch_size=16, augmentation=Augmentation(color_jitter=0.2)
    )
    model.fit(dataset, steps_per_epoch=steps_per_epoch(len(annotations), 16), epochs=20)
    ```

    Reference:

    - [Temporal Segment Networks](https://arxiv.org/abs/1608.00859), sections 3.1 and 3.2
    """
    size = crops.as_pair(input_size)
    per_update = batch_size * gradient_accumulation_steps
    per_epoch = steps_per_epoch(len(annotations), per_update) * per_update
    shard_index, num_shards = shard
    if not 0 <= shard_index < num_shards or batch_size % num_shards:
        raise ValueError(
            "`shard` must be (i, n) with 0 <= i < n, and `batch_size` a multiple of n. "
            f"Received: shard={shard}, batch_size={batch_size}"
        )
    failures = failure_log(failures, len(annotations))
    reader = ClipReader(annotations, cropping.training_short_side(size), failures, reading.decoder, reading.cache)
    method = sampling_method(sampling)
    augment = _make_augment(augmentation, clip_augmentation, annotations.labels, (num_segments, *size, 3))

    def sample(num_frames, rng):
        return method(num_frames, num_segments, rng)

    def read(epoch, place, index):
        # Each clip and each replacement has its own seed, so that earlier failures do not change it.
        seeds = np.random.SeedSequence([seed, int(epoch), int(place)])
        frames, label = reader.read_or_replace(int(index), seeds, sample)
        return *frames, label, (seeds.generate_state(2) >> 1).astype(np.int32)

    def load(epoch, place, index):
        *frames, label, clip_seed = tf.numpy_function(
            read, (epoch, place, index), (*_FRAMES, tf.int32, tf.int32), stateful=False
        )
        label, clip_seed = tf.ensure_shape(label, ()), tf.ensure_shape(clip_seed, (2,))
        # By number, so that no seed depends on which others are used.
        crop_seed, *seeds = tf.unstack(tf.random.split(clip_seed, 2))
        seeds += [tf.random.experimental.stateless_fold_in(clip_seed, number) for number in range(2, 7)]
        clip = _cut(
            frames,
            reader.returns_jpegs,
            num_segments,
            size,
            lambda space: crops.corner_window(
                space,
                size,
                crop_seed,
                cropping.crop_scales,
                crop_to_aspect_ratio=cropping.crop_to_aspect_ratio,
            ),
        )
        return *augment(clip, label, seeds), seeds[-1]

    def finish(clips, labels, seeds):
        if not augmentation.mixes:
            return clips, labels
        labels = tf.one_hot(labels, len(annotations.labels))
        return mixing.mix_batch(clips, labels, seeds[0], augmentation.mixup_alpha, augmentation.cutmix_alpha)

    def one_epoch(epoch):
        order = tf.numpy_function(
            lambda epoch: epoch_order(len(annotations), seed, int(epoch))[:per_epoch],
            (epoch,),
            tf.int64,
            stateful=False,
        )
        places = np.arange(per_epoch).reshape(-1, num_shards, batch_size // num_shards)[:, shard_index].ravel()
        order = tf.gather(tf.ensure_shape(order, (per_epoch,)), places)
        return tf.data.Dataset.from_tensor_slices((places, order)).map(lambda place, index: (epoch, place, index))

    if clip_augmentation is None:  # a user's function may need AutoGraph
        one_epoch, load, finish = map(tf.autograph.experimental.do_not_convert, (one_epoch, load, finish))
    dataset = tf.data.Dataset.range(initial_epoch, np.iinfo(np.int64).max).flat_map(one_epoch)
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.batch(batch_size // num_shards, drop_remainder=True)
    return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def _make_augment(augmentation, clip_augmentation, labels, shape):
    """A function from a clip, its label and five seeds to the augmented clip and its label."""
    flips = reversals = None
    if augmentation.flip:
        flips = _label_map("flip_pairs", flip_label_map, labels, augmentation.flip_pairs)
    if augmentation.reversal:
        reversals = _label_map("reversal_pairs", reversal_label_map, labels, augmentation.reversal_pairs)

    def augment(clip, label, seeds):
        if augmentation.color_jitter:
            clip = color_jitter(clip, seeds[0], augmentation.color_jitter)
        if augmentation.rand_augment_ops:
            clip = rand_augment(clip, seeds[1], augmentation.rand_augment_ops, augmentation.rand_augment_magnitude)
        if clip_augmentation is not None:
            clip = tf.ensure_shape(clip_augmentation(clip, seeds[2]), shape)
        if flips is not None:
            clip, label = random_flip(clip, label, seeds[3], flips)
        if reversals is not None:
            clip, label = random_reversal(clip, label, seeds[4], reversals)
        return clip, label

    return augment


def _label_map(field, make_map, labels, pairs):
    """The result of `make_map` for pairs `"left:right"`. An error if it maps no class."""
    ids = make_map(labels, None if pairs is None else [tuple(pair.split(":")) for pair in pairs])
    if (ids < 0).all():
        what = field.removesuffix("_pairs")
        raise ValueError(
            f"No class has a known label after a {what}. Give the pairs of classes, {field}=('left:right',), or set "
            f"{what}=False. Received: {what}=True, {field}={pairs}, labels={list(labels)}"
        )
    return ids


def evaluation_dataset(
    annotations,
    *,
    num_segments,
    input_size,
    batch_size,
    sampling="segments",
    cropping=Cropping(),
    num_clips=1,
    num_crops=1,
    seed=None,
    reading=Reading(),
    failures=None,
):
    """A data set of batches of all videos once, in order, in one or several views each.

    One view is the middle frame of each segment and the centre of each frame. The paper's test has thirty: ten
    clips in three crops, `num_clips=10, num_crops=3, input_size=256`, whose probabilities are averaged.

    Args:
        annotations: An `Annotations`.
        num_segments: Frames of a clip, T.
        input_size: Size of the clips in pixels: a number, or (height, width).
        batch_size: Videos in a batch, B; the last batch may be smaller.
        sampling: Which frames make a clip: one of `SAMPLING_METHODS`.
        cropping: A `Cropping`.
        num_clips: Clips of each video; see `sample_clips`.
        num_crops: 1 for the centre, 3 for `three_crops`, of a square size.
        seed: Seed of clips sampled at random; `None` for clips spread evenly.
        reading: A `Reading`.
        failures: A `FailureLog`, or `None` for a new one.

    Returns:
        A `tf.data.Dataset` of (clips, labels, weights): uint8 (B, T, height, width, 3), RGB, int32 (B,) and
        float32 (B,). With several views, V = `num_clips` · `num_crops`, clips are (B, V, T, height, width, 3). A
        video that can't be decoded is black and has weight 0, all others have weight 1.

    Raises:
        ValueError: If an argument is out of range.
        ImportError: If the decoder is not available; the message says what is missing.
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = evaluation_dataset(annotations, num_segments=8, input_size=64, batch_size=16)
    logits = model.predict(dataset.map(lambda clips, labels, weights: clips))
    ```
    """
    size, short_side = crops.as_pair(input_size), cropping.short_side
    if num_crops not in (1, 3) or (num_crops == 3 and (size[0] != size[1] or not cropping.crop_to_aspect_ratio)):
        raise ValueError(
            "`num_crops` must be 1, or 3 with a square `input_size` and crop_to_aspect_ratio=True. Received: "
            f"num_crops={num_crops}, input_size={input_size}, crop_to_aspect_ratio={cropping.crop_to_aspect_ratio}"
        )
    failures = failure_log(failures, len(annotations))
    reader = ClipReader(annotations, max(size) if short_side is None else short_side, failures, reading.decoder)
    num_frames, views = num_clips * num_segments, num_clips * num_crops
    method = sampling_method(sampling)

    def sample(total, rng):
        if num_clips == 1:
            return method(total, num_segments, rng)
        return sample_clips(total, num_segments, num_clips, rng, sampling).ravel()

    def make_rng(index):
        return None if seed is None else np.random.default_rng([seed, index])

    sample(num_segments, make_rng(0))  # raises for an argument out of range, before anything is read

    def read(index):
        try:
            frames, label = reader.read(int(index), lambda total: sample(total, make_rng(int(index))))
            return *frames, label, np.float32(1)
        except DecodingError as error:
            failures.add(annotations.clips[index], error)
            black = Frames.of_pixels(np.zeros((num_frames, *size, 3), np.uint8))
            return *black, reader.label_ids[index], np.float32(0)

    def window(space):
        if cropping.crop_to_aspect_ratio:
            return crops.center_window(space, size, short_side)
        return tf.zeros(2, tf.int32), space

    @tf.autograph.experimental.do_not_convert
    def load(index):
        *frames, label, weight = tf.numpy_function(read, (index,), (*_FRAMES, tf.int32, tf.float32), stateful=False)
        if num_crops == 1:
            clips = _cut(frames, reader.returns_jpegs, num_frames, size, window)
        else:
            whole = _whole(frames, reader.returns_jpegs, num_frames, short_side or size[0])
            clips = crops.three_crops(whole, size[0], short_side)
        if views > 1:
            clips = tf.reshape(clips, (views, num_segments, *size, 3))
        return clips, tf.ensure_shape(label, ()), tf.ensure_shape(weight, ())

    dataset = tf.data.Dataset.range(len(annotations))
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).batch(batch_size)
    room = _CACHE_BYTES if reading.cache is True else reading.cache
    if 0 < len(annotations) * views * num_segments * size[0] * size[1] * 3 <= room:
        dataset = dataset.cache()
    return dataset.prefetch(tf.data.AUTOTUNE)


_FRAMES = ("string", "uint8", "int32")  # types of the parts of `Frames`


def _cut(frames, may_be_jpegs, num_frames, size, window):
    """The frames in the window that a function returns for their height and width, scaled to `size`."""
    jpegs, pixels, space = frames
    offset, crop = window(tf.ensure_shape(space, (2,)))

    def cut():
        return crops.cut(tf.ensure_shape(pixels, (num_frames, None, None, 3)), offset, crop, size)

    if not may_be_jpegs:  # to trace the branch below takes longer than all the rest
        return cut()
    return tf.cond(
        tf.size(jpegs) > 0,
        lambda: jpeg.decode_window(tf.ensure_shape(jpegs, (num_frames,)), offset, crop, size),
        cut,
    )


def _whole(frames, may_be_jpegs, num_frames, short_side):
    """The whole frames; JPEGs are decoded no smaller than `short_side` needs."""
    jpegs, pixels, space = frames
    clip = pixels
    if may_be_jpegs:
        clip = tf.cond(
            tf.size(jpegs) > 0,
            lambda: jpeg.decode_whole(jpegs, tf.ensure_shape(space, (2,)), short_side),
            lambda: pixels,
        )
    return tf.ensure_shape(clip, (num_frames, None, None, 3))

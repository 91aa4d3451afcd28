"""From annotations to batches of clips: sampling, decoding, augmentation, batches, ahead of the model."""

import numpy as np

from keras_action.data import jpeg, mixing, transforms
from keras_action.data.decoding import DecodingError
from keras_action.data.failures import FailureLog
from keras_action.data.flips import random_flip, random_reversal
from keras_action.data.randaugment import rand_augment
from keras_action.data.reading import ClipSource, Frames
from keras_action.data.sampling import sample_clips, sampling_method


def steps_per_epoch(num_clips, batch_size):
    """Whole batches in a set: what is left over is another part of the set in each epoch.

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
            "A batch must have at least one clip, and no more than there are. "
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
    crop_to_aspect_ratio=True,
    crop_scales=(1, 0.875, 0.75, 0.66),
    color_jitter=0.0,
    rand_augment_ops=0,
    rand_augment_magnitude=0.3,
    augmentation=None,
    flip_label_map=None,
    reversal_label_map=None,
    mixup_alpha=0.0,
    cutmix_alpha=0.0,
    failures=None,
    short_side=None,
    decoder="pyav",
    cache=False,
    shard=(0, 1),
):
    """Batches of augmented clips without end, epoch after epoch.

    Each epoch is a permutation of the whole set, cut to `steps_per_epoch` whole batches. Order, frames and
    augmentation of a clip depend on (`seed`, epoch, place in the epoch) alone: the same clips come whatever the
    number of threads, and after a resume at `initial_epoch` those that would have come without the stop.

    Only the frames that are needed are decoded, and of JPEGs, in frame folders and shards, only the crop.

    A clip that can't be decoded is noted in `failures` and replaced by the next of the set that can.

    Args:
        annotations: An `Annotations`.
        num_segments: Frames of a clip, T.
        input_size: Size of the clips in pixels: a number, or (height, width).
        batch_size: Clips in a batch, B.
        seed: A whole number, 0 or more.
        initial_epoch: Epoch to begin with.
        gradient_accumulation_steps: Batches that make one update of the weights: an epoch is cut to whole updates.
        sampling: Which frames: one of `SAMPLING_METHODS`. "segments" is one at random from each of T segments.
        crop_to_aspect_ratio: Whether frames keep their aspect ratio. If False, whole frames are scaled to `input_size`
            before the crop, as the released code of ACTION-Net does with EgoGesture.
        crop_scales: Sides of the crops as shares of the shorter side; see `multi_scale_corner_crop`.
        color_jitter: Strength of the changes of brightness, contrast and saturation, from 0 to 1.
        rand_augment_ops: Operations of `rand_augment`; 0 for none.
        rand_augment_magnitude: Their strength, from 0 to 1.
        augmentation: A function of a clip, uint8 (T, height, width, 3), and a seed, int32 (2,), to a clip of the
            same shape: a `ClipAugmentation`, or your own.
        flip_label_map: What `flip_label_map` returns for the labels: half of the clips of classes that may be mirrored
            are. None: no flips.
        reversal_label_map: What `reversal_label_map` returns for the labels: half of the clips of classes that may be
            played backwards are. None: none is.
        mixup_alpha: The alpha of `mixup`; 0 for none.
        cutmix_alpha: The alpha of `cutmix`; 0 for none. With both, each batch has one of them, at random.
        failures: A `FailureLog`, or None for a new one.
        short_side: Pixels to which the shorter side of larger videos is scaled before the crop, or None for
            8/7 of the input size (256 for 224, as TSN has it). JPEGs are cut first, and scaled once.
        decoder: What decodes videos: "pyav" or "tensorflow-io"; see `frame_decoder`.
        cache: Whether to keep decoded videos in memory, scaled to `short_side` but neither sampled nor
            cropped, so that every epoch is augmented anew and none after the first waits for decoding. True
            keeps up to 2 GiB, a number so many bytes; videos beyond that are decoded each time. A clip of 24
            frames takes 0.5 MB at `input_size=64` (4:3, short side 73), 6 MB at 224. JPEGs are never kept.
        shard: (i, n): of n equal parts of each batch, one after the other, read the i-th, from 0, for one of n
            processes that train together. MixUp and CutMix mix the clips of a part.

    Returns:
        An infinite `tf.data.Dataset` of (clips, labels): uint8 (B, T, height, width, 3), RGB, and int32 (B,), or,
        with `mixup_alpha` or `cutmix_alpha`, mixtures of one-hot labels, float32 (B, classes).

    Raises:
        ValueError: If the set is smaller than a batch, or an argument is out of range.
        ImportError: If the decoder can't be had; the message says what is missing.
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = training_dataset(annotations, num_segments=8, input_size=64, batch_size=16, cache=True)
    model.fit(dataset, steps_per_epoch=steps_per_epoch(len(annotations), 16), epochs=20)
    ```

    Reference:

    - [Temporal Segment Networks](https://arxiv.org/abs/1608.00859), sections 3.1 and 3.2
    """
    import tensorflow as tf

    size = transforms.as_pair(input_size)
    per_update = batch_size * gradient_accumulation_steps
    per_epoch = steps_per_epoch(len(annotations), per_update) * per_update
    shard_index, num_shards = shard
    if not 0 <= shard_index < num_shards or batch_size % num_shards:
        raise ValueError(
            "`shard` must be (i, n) with 0 <= i < n, and `batch_size` a multiple of n. "
            f"Received: shard={shard}, batch_size={batch_size}"
        )
    short_side = -(-max(size) * 8 // 7) if short_side is None else short_side
    failures = _prepare_log(failures, annotations)
    source = ClipSource(annotations, short_side, failures, decoder, cache)
    method = sampling_method(sampling)

    def sample(num_frames, rng):
        return method(num_frames, num_segments, rng)

    def read(epoch, place, index):
        # Each clip's own seed, and each replacement's: what failed before it, and when, must not matter.
        seeds = np.random.SeedSequence([seed, int(epoch), int(place)])
        frames, label = source.read_or_replace(int(index), seeds, sample)
        return *frames, label, (seeds.generate_state(2) >> 1).astype(np.int32)

    def load(epoch, place, index):
        *frames, label, clip_seed = tf.numpy_function(
            read, (epoch, place, index), (*_FRAMES, tf.int32, tf.int32), stateful=False
        )
        label, clip_seed = tf.ensure_shape(label, ()), tf.ensure_shape(clip_seed, (2,))
        # By number, so that none depends on which others are in use.
        seeds = [*tf.unstack(tf.random.split(clip_seed, 2))]
        seeds += [tf.random.experimental.stateless_fold_in(clip_seed, number) for number in range(2, 7)]
        clip = _cut(
            frames,
            num_segments,
            size,
            lambda space: transforms.corner_window(
                space, size, seeds[0], crop_scales, crop_to_aspect_ratio=crop_to_aspect_ratio
            ),
        )
        if color_jitter:
            clip = transforms.color_jitter(clip, seeds[1], color_jitter)
        if rand_augment_ops:
            clip = rand_augment(clip, seeds[2], rand_augment_ops, rand_augment_magnitude)
        if augmentation is not None:
            clip = tf.ensure_shape(augmentation(clip, seeds[3]), (num_segments, *size, 3))
        if flip_label_map is not None:
            clip, label = random_flip(clip, label, seeds[4], flip_label_map)
        if reversal_label_map is not None:
            clip, label = random_reversal(clip, label, seeds[5], reversal_label_map)
        return clip, label, seeds[6]

    def mix(clips, labels, seeds):
        return mixing.mix_batch(clips, tf.one_hot(labels, len(annotations.labels)), seeds[0], mixup_alpha, cutmix_alpha)

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

    dataset = tf.data.Dataset.range(initial_epoch, np.iinfo(np.int64).max).flat_map(one_epoch)
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    dataset = dataset.batch(batch_size // num_shards, drop_remainder=True)
    finish = mix if mixup_alpha or cutmix_alpha else lambda clips, labels, seeds: (clips, labels)
    return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def evaluation_dataset(
    annotations,
    *,
    num_segments,
    input_size,
    batch_size,
    sampling="segments",
    crop_to_aspect_ratio=True,
    num_clips=1,
    num_crops=1,
    seed=None,
    failures=None,
    short_side=None,
    decoder="pyav",
):
    """Batches of all videos once, in order, each seen in one or several views.

    One view is the middle frame of each segment and the centre of each frame. The papers' test has thirty: ten
    clips in three crops, `num_clips=10, num_crops=3, input_size=256`, whose probabilities are averaged.

    Args:
        annotations: An `Annotations`.
        num_segments: Frames of a clip, T.
        input_size: Size of the clips in pixels: a number, or (height, width).
        batch_size: Videos in a batch, B; the last batch may be smaller.
        sampling: Which frames: one of `SAMPLING_METHODS`.
        crop_to_aspect_ratio: Whether frames are cropped to the aspect ratio of `input_size`. If False, whole frames
            are scaled to it.
        num_clips: Clips of each video; see `sample_clips`.
        num_crops: 1 for the centre, 3 for `three_crops`; then the size must be square.
        seed: A whole number, with which clips are drawn at random, always the same; None to have them spread
            evenly.
        failures: A `FailureLog`, or None for a new one.
        short_side: Pixels to which the shorter side is scaled before the crop is cut out, or None for the
            least that holds `input_size`: as much of the picture is seen as can be.
        decoder: What decodes videos: "pyav" or "tensorflow-io"; see `frame_decoder`.

    Returns:
        A `tf.data.Dataset` of (clips, labels, weights): uint8 (B, T, height, width, 3), RGB, int32 (B,) and
        float32 (B,). With several views, V = `num_clips` · `num_crops`, clips are (B, V, T, height, width, 3). A
        video that can't be decoded is black and has weight 0, all others have weight 1.

    Raises:
        ValueError: If an argument is out of range.
        ImportError: If the decoder can't be had; the message says what is missing.
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = evaluation_dataset(annotations, num_segments=8, input_size=64, batch_size=16)
    logits = model.predict(dataset.map(lambda clips, labels, weights: clips))
    ```
    """
    import tensorflow as tf

    size = transforms.as_pair(input_size)
    if num_crops not in (1, 3) or (num_crops == 3 and (size[0] != size[1] or not crop_to_aspect_ratio)):
        raise ValueError(
            "`num_crops` must be 1, or 3 with clips as high as wide and crop_to_aspect_ratio. "
            f"Received: num_crops={num_crops}, input_size={input_size}, crop_to_aspect_ratio={crop_to_aspect_ratio}"
        )
    failures = _prepare_log(failures, annotations)
    source = ClipSource(annotations, max(size) if short_side is None else short_side, failures, decoder)
    num_frames, views = num_clips * num_segments, num_clips * num_crops
    method = sampling_method(sampling)

    def sample(total, rng):
        if num_clips == 1:
            return method(total, num_segments, rng)
        return sample_clips(total, num_segments, num_clips, rng, sampling).ravel()

    def make_rng(index):
        return None if seed is None else np.random.default_rng([seed, index])

    sample(num_segments, make_rng(0))  # an argument that is out of range is known now

    def read(index):
        try:
            frames, label = source.read(int(index), lambda total: sample(total, make_rng(int(index))))
            return *frames, label, np.float32(1)
        except DecodingError as error:
            failures.add(annotations.clips[index], error)
            black = Frames.of_pixels(np.zeros((num_frames, *size, 3), np.uint8))
            return *black, source.label_ids[index], np.float32(0)

    def window(space):
        return (
            transforms.center_window(space, size, short_side)
            if crop_to_aspect_ratio
            else (tf.zeros(2, tf.int32), space)
        )

    def load(index):
        *frames, label, weight = tf.numpy_function(read, (index,), (*_FRAMES, tf.int32, tf.float32), stateful=False)
        if num_crops == 1:
            clips = _cut(frames, num_frames, size, window)
        else:
            clips = transforms.three_crops(_whole(frames, num_frames, short_side or size[0]), size[0], short_side)
        if views > 1:
            clips = tf.reshape(clips, (views, num_segments, *size, 3))
        return clips, tf.ensure_shape(label, ()), tf.ensure_shape(weight, ())

    dataset = tf.data.Dataset.range(len(annotations))
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _prepare_log(failures, annotations):
    failures = FailureLog() if failures is None else failures
    if failures.total is None:
        failures.total = len(annotations)
    return failures


_FRAMES = ("string", "uint8", "int32")  # types of the parts of `Frames`


def _cut(frames, num_frames, size, window):
    """The window that a function finds for the frames' height and width, scaled to `size`."""
    import tensorflow as tf

    jpegs, pixels, space = frames
    offset, crop = window(tf.ensure_shape(space, (2,)))
    return tf.cond(
        tf.size(jpegs) > 0,
        lambda: jpeg.decode_window(tf.ensure_shape(jpegs, (num_frames,)), offset, crop, size),
        lambda: transforms.cut(tf.ensure_shape(pixels, (num_frames, None, None, 3)), offset, crop, size),
    )


def _whole(frames, num_frames, short_side):
    """The frames, the shorter side no smaller than `short_side` where it was not."""
    import tensorflow as tf

    jpegs, pixels, space = frames
    clip = tf.cond(
        tf.size(jpegs) > 0,
        lambda: jpeg.decode_whole(jpegs, tf.ensure_shape(space, (2,)), short_side),
        lambda: pixels,
    )
    return tf.ensure_shape(clip, (num_frames, None, None, 3))

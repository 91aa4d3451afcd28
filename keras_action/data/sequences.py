"""Sequences of streams to train on, joined from labelled clips as they are needed, with a target for every step."""

import numpy as np

from keras_action.data import crops
from keras_action.data.color import color_jitter
from keras_action.data.decoding import DecodingError
from keras_action.data.failures import TooManyFailuresError, failure_log
from keras_action.data.reading import ClipReader
from keras_action.data.settings import Augmentation, Cropping, Reading, Sequences
from keras_action.data.sources import VideoSource, open_clip
from keras_action.utils.intervals import is_ignored


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

    A sequence is what a stream shows: gestures at different speeds, in random order, with pauses of the background
    between them. Every step has a target: the background, until the gesture can be told from others; nothing, with
    weight 0, where that can't be judged; then the label of the gesture, until a little after its end.

    Each sequence depends on (`seed`, epoch, place in the epoch) alone.

    Args:
        annotations: An `Annotations` of videos with clips of a background class, such as "none". Frame folders and
            shards can't be joined yet.
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
        An infinite `tf.data.Dataset` of (frames, targets, weights): uint8 (B, T, height, width, 3), RGB, float32
        (B, T, classes), and float32 (B, T).

    Raises:
        ValueError: If there is no background class or nothing else, a clip is not a video, or an augmentation is not
            for sequences.
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = sequence_dataset(annotations, num_segments=60, input_size=72, batch_size=4)
    model = keras_action.build_action_net(
        "mobilenet_v2", num_classes=9, num_segments=60, input_size=72, causal=True, memory=256, return_sequences=True
    )
    model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    model.fit(dataset, steps_per_epoch=100)
    ```
    """
    import tensorflow as tf

    size = crops.as_pair(input_size)
    _check_augmentation(augmentation)
    failures = failure_log(failures, len(annotations))
    maker = _Maker(annotations, num_segments, cropping.training_short_side(size), sequences, reading, failures)
    per_update = batch_size * gradient_accumulation_steps
    per_epoch = max(1, len(annotations) // per_update) * per_update
    num_classes = len(annotations.labels)

    def make(epoch, place):
        return maker.make(np.random.SeedSequence([seed, int(epoch), int(place)]))

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
        frames, spaces, parts, labels, weights, seeds = tf.numpy_function(
            make,
            (number // per_epoch, number % per_epoch),
            (tf.uint8, tf.int32, tf.int32, tf.int32, tf.float32, tf.int32),
            stateful=False,
        )
        crop_seed, color_seed = tf.unstack(tf.random.split(tf.ensure_shape(seeds, (2,)), 2))
        frames = tf.ensure_shape(frames, (num_segments, None, None, 3))
        boxes = tf.gather(crop_boxes(tf.shape(frames)[1:3], tf.ensure_shape(spaces, (None, 2)), crop_seed), parts)
        frames = tf.image.crop_and_resize(frames, tf.ensure_shape(boxes, (num_segments, 4)), range(num_segments), size)
        frames = tf.cast(frames + 0.5, tf.uint8)
        if augmentation.color_jitter:
            frames = color_jitter(frames, color_seed, augmentation.color_jitter)
        labels, weights = tf.ensure_shape(labels, (num_segments,)), tf.ensure_shape(weights, (num_segments,))
        return frames, tf.one_hot(labels, num_classes), weights

    numbers = tf.data.Dataset.counter(initial_epoch * per_epoch)
    dataset = numbers.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def step_targets(intervals, num_steps, background, sequences):
    """The target of each step of a sequence.

    Args:
        intervals: List of (label id, first step, stop), in order, without overlap; the last may be cut.
        num_steps: Integer T.
        background: Label id of the background.
        sequences: A `Sequences`.

    Returns:
        Label ids, int32 (T,), and weights, float32 (T,).
    """
    labels = np.full(num_steps, background, np.int32)
    weights = np.full(num_steps, sequences.background_weight, np.float32)
    tail = round(sequences.label_after / sequences.time_step)
    starts = [first for _, first, _ in intervals] + [num_steps]
    for (label, first, stop), following in zip(intervals, starts[1:], strict=True):
        length = stop - first
        # The step k shows the gesture up to the share (k + 1) / length of it.
        shown = (np.arange(length) + 1) / length
        unjudged = first + int((shown <= sequences.background_until + 1e-9).sum())
        labelled = min(first + int((shown < sequences.label_from - 1e-9).sum()), stop - 1)
        end = min(stop + tail, following, num_steps)
        weights[unjudged:labelled] = 0
        labels[labelled:end] = label
        weights[labelled:end] = 1
    return labels, weights


class _Maker:
    """Makes sequences."""

    def __init__(self, annotations, num_steps, short_side, sequences, reading, failures):
        background = [index for index, clip in enumerate(annotations.clips) if is_ignored(clip.label)]
        self._gestures = sorted(set(range(len(annotations))) - set(background))
        self._backgrounds = background
        if not background or not self._gestures:
            raise ValueError(
                'Sequences need clips of gestures and of the background, which shows none: a class "none". '
                f"Received: labels={list(annotations.labels)}"
            )
        self._reader = ClipReader(annotations, short_side, failures, reading.decoder, reading.cache)
        self._clips, self._failures = annotations.clips, failures
        other = next((clip.path for clip in self._clips if not isinstance(open_clip(clip), VideoSource)), None)
        if other is not None:
            raise ValueError(f"Sequences are joined from videos, not from frame folders or shards. Received: {other}")
        self._background_id = int(annotations.label_ids()[background[0]])
        self._seconds = {}
        self._num_steps, self._sequences = num_steps, sequences

    def make(self, seeds):
        """The results of `_canvas`, label ids, weights and a seed."""
        rng = np.random.default_rng(seeds)
        parts, intervals, now = [], [], 0
        while now < self._num_steps:
            pause = round(rng.uniform(0, self._sequences.max_pause) / self._sequences.time_step)
            while pause > 0 and now < self._num_steps:
                part = self._frames(self._backgrounds, rng)[0][:pause]
                parts.append(part)
                pause, now = pause - len(part), now + len(part)
            if now < self._num_steps:
                part, label = self._frames(self._gestures, rng)
                parts.append(part)
                intervals.append((label, now, now + len(part)))
                now += len(part)
        labels, weights = step_targets(intervals, self._num_steps, self._background_id, self._sequences)
        return *_canvas(parts, self._num_steps), labels, weights, rng.integers(0, 2**31, 2).astype(np.int32)

    def _frames(self, places, rng):
        """The frames of one of these clips at the time step, and its label id."""
        speed, phase = rng.uniform(*self._sequences.speeds), rng.uniform()
        for place in rng.permutation(places):
            clip = self._clips[place]
            if clip in self._failures:
                continue
            try:
                steps = max(1, round(self._clip_seconds(place) / (self._sequences.time_step * speed)))
                shares = (np.arange(steps) + phase) / steps
                frames, label = self._reader.read(place, lambda count, shares=shares: (shares * count).astype(int))
                return frames.pixels, int(label)
            except DecodingError as error:
                self._failures.add(clip, error)
        raise TooManyFailuresError(f"No clip can be decoded.\n{self._failures.summary()}")

    def _clip_seconds(self, place):
        if place not in self._seconds:
            self._seconds[place] = open_clip(self._clips[place]).seconds
        return self._seconds[place]


def _canvas(parts, num_steps):
    """The frames of all parts on one canvas, the height and width of each part, and the part of each frame."""
    spaces = np.array([part.shape[1:3] for part in parts], np.int32)
    numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    frames = np.zeros((len(numbers), *spaces.max(axis=0), 3), np.uint8)
    for number, part in enumerate(parts):
        frames[numbers == number, : part.shape[1], : part.shape[2]] = part
    return frames[:num_steps], spaces, numbers[:num_steps]


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

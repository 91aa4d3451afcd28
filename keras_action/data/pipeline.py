"""From annotations to batches of clips: sampling, decoding, augmentation, batches, ahead of the model."""

import threading

import numpy as np

from keras_action.data.decoding import DecodingError
from keras_action.data.failures import FailureLog, TooManyFailuresError
from keras_action.data.frame_folders import read_clip
from keras_action.data.sampling import sample_segments

_CACHE_BYTES = 2 * 1024**3


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


def training_dataset(
    annotations,
    *,
    num_segments,
    input_size,
    batch_size,
    seed=0,
    initial_epoch=0,
    crop_scales=(1, 0.875, 0.75, 0.66),
    color_jitter=0.0,
    failures=None,
    short_side=None,
    cache=False,
):
    """Batches of augmented clips without end, epoch after epoch.

    Each epoch is a permutation of the whole set, cut to `steps_per_epoch` whole batches. Order, frames and
    crops of a clip depend on (`seed`, epoch, place in the epoch) alone: the same clips come whatever the
    number of threads, and after a resume at `initial_epoch` those that would have come without the stop.

    A clip that can't be decoded is noted in `failures` and replaced by the next of the set that can.

    Args:
        annotations: An `Annotations`.
        num_segments: Frames of a clip, T: one at random from each of T equal segments.
        input_size: Size of the clips in pixels: a number, or (height, width).
        batch_size: Clips in a batch, B.
        seed: A whole number, 0 or more.
        initial_epoch: Epoch to begin with.
        crop_scales: Sides of the crops as shares of the shorter side; see `multi_scale_corner_crop`.
        color_jitter: Strength of the changes of brightness, contrast and saturation, from 0 to 1.
        failures: A `FailureLog`, or None for a new one.
        short_side: Pixels to which the shorter side of larger videos is scaled before the crop, or None for
            8/7 of the input size (256 for 224, as TSN has it).
        cache: Whether to keep decoded clips in memory, scaled to `short_side` but neither sampled nor
            cropped, so that every epoch is augmented anew and none after the first waits for decoding. True
            keeps up to 2 GiB, a number so many bytes; clips beyond that are decoded each time. A clip of 24
            frames takes 0.5 MB at `input_size=64` (4:3, short side 73), 6 MB at 224.

    Returns:
        An infinite `tf.data.Dataset` of (clips, labels): uint8 (B, T, height, width, 3), RGB, and int32 (B,).

    Raises:
        ValueError: If the set is smaller than a batch.
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

    from keras_action.data import transforms

    size = transforms._pair(input_size)
    per_epoch = steps_per_epoch(len(annotations), batch_size) * batch_size
    short_side = -(-max(size) * 8 // 7) if short_side is None else short_side
    failures = _prepare_log(failures, annotations)
    source = _Source(annotations, num_segments, short_side, failures, cache)

    def read(epoch, place, index):
        # Each clip's own seed, and each replacement's: what failed before it, and when, must not matter.
        seeds = np.random.SeedSequence([seed, int(epoch), int(place)])
        frames, label = source.read_or_replace(int(index), seeds)
        return frames, label, (seeds.generate_state(2) >> 1).astype(np.int32)

    def load(epoch, place, index):
        frames, label, clip_seed = tf.numpy_function(
            read, (epoch, place, index), (tf.uint8, tf.int32, tf.int32), stateful=False
        )
        frames = tf.ensure_shape(frames, (num_segments, None, None, 3))
        seeds = tf.random.split(tf.ensure_shape(clip_seed, (2,)), 2)
        clip = transforms.multi_scale_corner_crop(frames, size, seeds[0], scales=crop_scales)
        if color_jitter:
            clip = transforms.color_jitter(clip, seeds[1], color_jitter)
        return clip, tf.ensure_shape(label, ())

    def one_epoch(epoch):
        order = tf.numpy_function(
            lambda epoch: np.random.default_rng([seed, int(epoch)]).permutation(len(annotations))[:per_epoch],
            (epoch,),
            tf.int64,
            stateful=False,
        )
        order = tf.data.Dataset.from_tensor_slices(tf.ensure_shape(order, (per_epoch,)))
        return order.enumerate().map(lambda place, index: (epoch, place, index))

    dataset = tf.data.Dataset.range(initial_epoch, np.iinfo(np.int64).max).flat_map(one_epoch)
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def evaluation_dataset(annotations, *, num_segments, input_size, batch_size, failures=None, short_side=None):
    """Batches of all clips once, in order: the middle frame of each segment, the centre of each frame.

    Args:
        annotations: An `Annotations`.
        num_segments: Frames of a clip, T.
        input_size: Size of the clips in pixels: a number, or (height, width).
        batch_size: Clips in a batch, B; the last batch may be smaller.
        failures: A `FailureLog`, or None for a new one.
        short_side: Pixels to which the shorter side is scaled before the centre is cut out, or None for the
            least that holds `input_size`: as much of the picture is seen as can be.

    Returns:
        A `tf.data.Dataset` of (clips, labels, weights): uint8 (B, T, height, width, 3), RGB, int32 (B,) and
        float32 (B,). A clip that can't be decoded is black and has weight 0, all others have weight 1.

    Raises:
        TooManyFailuresError: While it is read, as the text of a `tf.errors.OpError`; see `FailureLog`.

    Example:

    ```python
    dataset = evaluation_dataset(annotations, num_segments=8, input_size=64, batch_size=16)
    logits = model.predict(dataset.map(lambda clips, labels, weights: clips))
    ```
    """
    import tensorflow as tf

    from keras_action.data import transforms

    size = transforms._pair(input_size)
    failures = _prepare_log(failures, annotations)
    source = _Source(annotations, num_segments, max(size) if short_side is None else short_side, failures)

    def read(index):
        try:
            return (*source.read(int(index)), np.float32(1))
        except DecodingError as error:
            failures.add(annotations.clips[index], error)
            return np.zeros((num_segments, *size, 3), np.uint8), source.label_ids[index], np.float32(0)

    def load(index):
        frames, label, weight = tf.numpy_function(read, (index,), (tf.uint8, tf.int32, tf.float32), stateful=False)
        frames = tf.ensure_shape(frames, (num_segments, None, None, 3))
        clip = transforms.center_crop(frames, size, short_side)
        return clip, tf.ensure_shape(label, ()), tf.ensure_shape(weight, ())

    dataset = tf.data.Dataset.range(len(annotations))
    dataset = dataset.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _prepare_log(failures, annotations):
    failures = FailureLog() if failures is None else failures
    if failures.total is None:
        failures.total = len(annotations)
    return failures


class _Source:
    """Reads the sampled frames of a clip: from its file, or from memory."""

    def __init__(self, annotations, num_segments, short_side, failures, cache=False):
        self.clips = annotations.clips
        self.label_ids = annotations.label_ids()
        self._num_segments = num_segments
        self._short_side = short_side
        self._failures = failures
        self._room = _CACHE_BYTES if cache is True else int(cache)
        self._cached = {}
        self._lock = threading.Lock()

    def read(self, index, rng=None):
        """The frames, uint8 (T, h, w, 3), and the label's id of a clip."""
        frames = self._cached.get(index)
        if frames is None and self._room > 0:
            frames = self._keep(index, self._decode(index, range))
        if frames is not None:
            return frames[sample_segments(len(frames), self._num_segments, rng)], self.label_ids[index]
        choose = lambda num_frames: sample_segments(num_frames, self._num_segments, rng)  # noqa: E731
        return self._decode(index, choose), self.label_ids[index]

    def read_or_replace(self, index, seeds):
        """The same, of the first clip from `index` on that can be decoded; notes those that can't.

        `seeds` is a `np.random.SeedSequence`, from which each candidate has a generator of its own.
        """
        for step in range(len(self.clips)):
            candidate = (index + step) % len(self.clips)
            clip = self.clips[candidate]
            if clip in self._failures:
                continue
            try:
                return self.read(candidate, np.random.default_rng([*seeds.entropy, step]))
            except DecodingError as error:
                self._failures.add(clip, error)
        raise TooManyFailuresError(f"No clip can be decoded.\n{self._failures.summary()}")

    def _decode(self, index, choose):
        return read_clip(self.clips[index], choose, self._short_side)

    def _keep(self, index, frames):
        with self._lock:
            if index not in self._cached and frames.nbytes <= self._room:
                self._cached[index] = frames
                self._room -= frames.nbytes
        return frames

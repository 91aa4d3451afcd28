"""Image augmentation layers of Keras and KerasCV, applied to clips with the same draw for all frames."""

import contextlib
import inspect
import threading

import numpy as np

from keras_action.utils.lazy import tensorflow as tf

_MIXING = ("CutMix", "FourierMix", "MixUp", "Mosaic")


class ClipAugmentation:
    """Applies an image augmentation layer to all frames of a clip with the same random draw, from a stateless seed.

    The generators of a layer (Keras' `SeedGenerator`, KerasCV's `tf.random.Generator`) have a state, so a clip would
    depend on the clips before it, and on threads. Here the draws of the layer and of its sublayers come from `seed`:
    the same seed gives the same result. The layer's own `seed` is ignored.

    A layer with `get_random_transformation` and `transform_images` is applied to all frames at once, any other layer
    frame by frame with the same draws. Which of the two is right is tested on small clips when the object is created.
    Statistics of an image, such as the mean for its contrast, are those of each frame.

    Labels are not changed: for horizontal flips use `random_flip`.

    Args:
        layer: A layer from images `(B, H, W, C)`, 0 to 255, to images, such as `keras.layers.RandAugment`,
            `keras_cv.layers.RandomShear`, or a `keras.Sequential` of such layers. A `value_range` must be (0, 255).

    Call arguments:
        clip: A uint8 or float tensor of shape (T, h, w, 3).
        seed: An int32 tensor of shape (2,).

    Returns:
        A tensor of the same type, of the size that the layer gives.

    Raises:
        ValueError: If the layer mixes the images of a batch, or draws from other random numbers than these, so that the
            frames of a clip would differ.
        RuntimeError: If Keras runs on another backend than TensorFlow.

    Example:

    >>> augment = ClipAugmentation(keras.layers.RandomRotation(0.1))
    >>> augment(tf.zeros((8, 64, 64, 3), tf.uint8), seed=(0, 1)).shape
    TensorShape([8, 64, 64, 3])
    """

    def __init__(self, layer):
        import keras

        if keras.backend.backend() != "tensorflow":
            # Some of Keras' layers use the backend's operations even inside tf.data.
            raise RuntimeError(
                "Image layers can augment clips in `tf.data` only with Keras on TensorFlow; `rand_augment` and "
                f"`color_jitter` need no Keras. Received: KERAS_BACKEND={keras.backend.backend()}"
            )
        names = sorted({type(part).__name__ for part in _parts(layer)} & set(_MIXING))
        if names:
            raise ValueError(
                f"The layer must not mix the images of a batch: use `mixup` or `cutmix` on batches of clips. "
                f"Received: layer={layer!r} with {', '.join(names)}"
            )
        self.layer = layer
        self._takes_training = "training" in inspect.signature(layer.call).parameters
        self._lock = threading.Lock()
        self._apply = self._frame_by_frame
        self._check()
        if hasattr(layer, "get_random_transformation") and hasattr(layer, "transform_images"):
            self._try_all_at_once()
        self._graph = tf.function(self._apply)

    def __call__(self, clip, seed):
        clip = tf.convert_to_tensor(clip)
        # In a graph always: draws are numbered as they are met, and only a graph meets those of branches not taken.
        apply = self._graph if tf.executing_eagerly() else self._apply
        frames = apply(tf.cast(clip, tf.float32), tf.convert_to_tensor(seed, tf.int32))
        if clip.dtype.is_integer:
            frames = tf.clip_by_value(frames + 0.5, 0, 255)
        return tf.ensure_shape(tf.cast(frames, clip.dtype), (clip.shape[0], None, None, clip.shape[3]))

    def _frame_by_frame(self, frames, seed):
        training = {"training": True} if self._takes_training else {}

        def augment(frame):
            with self._draws_from(seed):
                return tf.cast(self.layer(frame[None], **training), tf.float32)[0]

        return tf.map_fn(augment, frames)

    def _all_at_once(self, frames, seed):
        import keras

        def repeat(value):
            # What is drawn for a batch of one image has it as first axis.
            one = tf.is_tensor(value) and value.shape.rank and value.shape[0] == 1
            return tf.repeat(value, tf.shape(frames)[0], axis=0) if one else value

        with self._draws_from(seed):
            transformation = self.layer.get_random_transformation(frames[:1], training=True)
            transformation = keras.tree.map_structure(repeat, transformation)
            return tf.cast(self.layer.transform_images(frames, transformation, training=True), tf.float32)

    @contextlib.contextmanager
    def _draws_from(self, seed):
        """A context in which all draws of the layer and of its sublayers are functions of `seed`."""
        draws = _make_draws(seed)
        with self._lock, contextlib.ExitStack() as stack:
            for part in _parts(self.layer):
                attributes = vars(part)
                stand_ins = {name: _stand_in(value, draws) for name, value in attributes.items()}
                sources = {name: value for name, value in stand_ins.items() if value is not None}
                if hasattr(part, "_get_seed_generator"):
                    sources["_get_seed_generator"] = lambda backend=None: draws
                # Not by setattr: Keras would track them as state of the layer.
                before = {name: attributes[name] for name in sources if name in attributes}
                stack.callback(attributes.update, before)
                stack.callback(lambda keys, attributes: [attributes.pop(key) for key in keys], sources, attributes)
                attributes.update(sources)
            yield

    def _check(self):
        """Raises an error unless equal frames stay equal, and the same seed gives the same result."""
        clip, seeds = _probes()
        still = tf.repeat(clip[:1], len(clip), axis=0)
        # Building a layer may draw, so it must not be part of the first graph.
        self._frame_by_frame(clip[:1], seeds[0])
        # Two graphs, since draws of Python's, as in `keras.layers.AugMix`, are constant within one.
        applications = [tf.function(self._apply) for _ in "ab"]
        for seed in seeds:
            first, again = (apply(still, seed).numpy() for apply in applications)
            if not (first == first[:1]).all() or not (first == again).all():
                raise ValueError(
                    "The layer must draw its random numbers from Keras' `SeedGenerator` or `tf.random.Generator`, "
                    "kept in an attribute: with others (`keras.layers.AugMix` has Python's) it can't be made to "
                    "treat all frames of a clip alike, and the same each time. "
                    f"Received: layer={self.layer!r}"
                )

    def _try_all_at_once(self):
        """Applies the layer to all frames at once from now on, if the result is that of frame by frame."""
        clip, seeds = _probes()
        slow, fast = tf.function(self._frame_by_frame), tf.function(self._all_at_once)
        try:
            pairs = [(slow(clip, seed).numpy(), fast(clip, seed).numpy()) for seed in seeds]
        except Exception:
            # A layer that can't do this may raise any error.
            return
        if all(a.shape == b.shape and np.allclose(a, b, atol=0.01) for a, b in pairs):
            self._apply = self._all_at_once


def _parts(layer):
    """The layer and all layers in it."""
    return list(layer._flatten_layers())


def _stand_in(source, draws):
    """The replacement of a source of random numbers, which returns `draws`; `None` for any other value."""
    import keras

    if isinstance(source, keras.random.SeedGenerator | tf.random.Generator):
        return draws
    # KerasCV's samplers use TensorFlow's global random numbers. By name: KerasCV need not be installed.
    if type(source).__name__ == "UniformFactorSampler":
        return lambda shape=(), dtype="float32": draws.uniform(shape, source.lower, source.upper, dtype)
    if type(source).__name__ == "NormalFactorSampler":
        return lambda shape=(), dtype="float32": tf.clip_by_value(
            draws.normal(shape, source.mean, source.stddev, dtype), source.min_value, source.max_value
        )
    return None


def _probes():
    """A small clip of three different frames, and seeds."""
    coarse = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    return tf.image.resize(coarse, (32, 32)), tf.constant([[1, number] for number in range(4)])


def _make_draws(seed):
    import keras

    class Draws(keras.random.SeedGenerator):
        """Replaces the generators of Keras and TensorFlow; its n-th draw is a function of seed and n."""

        # No super().__init__: that would make a variable.
        def __init__(self):
            self.count = 0

        def next(self, ordered=True):
            self.count += 1
            return tf.random.experimental.stateless_fold_in(seed, self.count)

        def uniform(self, shape, minval=0, maxval=None, dtype=tf.float32, name=None):
            maxval = 1 if maxval is None and tf.as_dtype(dtype).is_floating else maxval
            return tf.random.stateless_uniform(shape, self.next(), minval, maxval, dtype)

        def normal(self, shape, mean=0.0, stddev=1.0, dtype=tf.float32, name=None):
            return tf.random.stateless_normal(shape, self.next(), mean, stddev, dtype)

        def make_seeds(self, count=1):
            return tf.transpose(tf.cast(tf.random.split(self.next(), count), tf.int64))

    return Draws()

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_action.data.augmentation import ClipAugmentation

LAYERS = {
    "RandAugment": lambda: keras.layers.RandAugment(),
    "RandomErasing": lambda: keras.layers.RandomErasing(),
    "RandomCrop": lambda: keras.layers.RandomCrop(24, 20),
    "RandomFlip": lambda: keras.layers.RandomFlip(),
    "RandomRotation": lambda: keras.layers.RandomRotation(0.1),
    "RandomZoom": lambda: keras.layers.RandomZoom(0.3),
    "RandomTranslation": lambda: keras.layers.RandomTranslation(0.2, 0.2),
    "RandomShear": lambda: keras.layers.RandomShear(0.3, 0.3),
    "RandomPerspective": lambda: keras.layers.RandomPerspective(),
    "RandomGaussianBlur": lambda: keras.layers.RandomGaussianBlur(sigma=1.0),
    "RandomBrightness": lambda: keras.layers.RandomBrightness(0.4),
    "RandomContrast": lambda: keras.layers.RandomContrast(0.4),
    "RandomHue": lambda: keras.layers.RandomHue(0.4),
    "RandomSaturation": lambda: keras.layers.RandomSaturation(0.8),
    # These draw while they transform, not before.
    "RandomColorJitter": lambda: keras.layers.RandomColorJitter(
        brightness_factor=0.3, contrast_factor=0.3, saturation_factor=0.3, hue_factor=0.3
    ),
    "RandomElasticTransform": lambda: keras.layers.RandomElasticTransform(),
    "Sequential": lambda: keras.Sequential([keras.layers.RandomFlip(), keras.layers.RandomBrightness(0.4)]),
}
KERAS_CV = ("RandAugment", "RandomFlip", "RandomShear", "RandomCutout", "RandomColorJitter", "RandomGaussianBlur")


@pytest.fixture(scope="module")
def clip():
    coarse = np.random.default_rng(0).uniform(0, 255, (3, 6, 8, 3))
    return tf.cast(tf.image.resize(coarse, (36, 48)), tf.uint8).numpy()


def check(layer, clip):
    """One draw for all frames, the same eagerly and in `tf.data`, whatever came before; not always the same."""
    augment = ClipAugmentation(layer)
    seeds = np.stack([np.full(4, 3), np.arange(4)], -1).astype(np.int32)
    still = np.repeat(clip[:1], 3, 0)
    eager = [augment(clip, seed).numpy() for seed in seeds]
    dataset = tf.data.Dataset.from_tensor_slices(seeds)
    dataset = dataset.map(lambda seed: (augment(clip, seed), augment(still, seed)), num_parallel_calls=2)
    for expected, (result, still_result) in zip(eager, dataset, strict=True):
        assert result.dtype == tf.uint8
        assert result.shape[0] == len(clip)
        # Rounding may differ by 1 where a graph orders its sums otherwise.
        np.testing.assert_allclose(result.numpy().astype(int), expected.astype(int), atol=1)
        for frame in still_result.numpy()[1:]:
            np.testing.assert_array_equal(frame, still_result[0])
        np.testing.assert_allclose(still_result[0].numpy().astype(int), expected[0].astype(int), atol=1)
    assert len({result.tobytes() for result in eager}) > 1
    np.testing.assert_array_equal(augment(clip, seeds[0]), eager[0])
    return augment


# Those that take longest, of which there are others of each kind: of whole batches, and frame by frame; and those of
# which others move pixels, or change colours, in the same way.
SLOW = ("RandAugment", "RandomErasing", "RandomPerspective", "RandomElasticTransform")
SLOW += ("RandomZoom", "RandomTranslation", "RandomHue", "RandomSaturation")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in LAYERS])
def test_one_draw_for_all_frames(clip, name):
    augment = check(LAYERS[name](), clip)
    frame_by_frame = name in ("RandomColorJitter", "RandomElasticTransform", "Sequential")
    assert (augment._apply == augment._frame_by_frame) == frame_by_frame


def test_seed_of_the_layer_has_no_say(clip):
    first, second = (ClipAugmentation(keras.layers.RandomRotation(0.2, seed=seed)) for seed in (1, 2))
    np.testing.assert_array_equal(first(clip, (0, 1)), second(clip, (0, 1)))


def test_layer_is_left_as_it_was(clip):
    layer = keras.layers.RandomFlip(seed=1)
    generator, state = layer.generator, layer.generator.state.numpy()
    ClipAugmentation(layer)(clip, (0, 1))
    assert layer.generator is generator
    assert "_get_seed_generator" not in vars(layer)
    np.testing.assert_array_equal(generator.state, state)


def test_floats_are_not_rounded(clip):
    result = ClipAugmentation(keras.layers.RandomRotation(0.2))(clip.astype(np.float32), (0, 1)).numpy()
    assert result.dtype == np.float32
    assert (result % 1 != 0).any()


def test_layers_without_draws(clip):
    result = ClipAugmentation(keras.layers.Resizing(18, 24))(clip, (0, 1))
    assert result.shape == (3, 18, 24, 3)


class OwnSource(keras.layers.Layer):
    """A layer as a user may write it; `source` is where its random numbers come from."""

    def __init__(self, source):
        super().__init__()
        self.source = source

    def call(self, images):
        return images + 20 * keras.random.uniform((keras.ops.shape(images)[0], 1, 1, 1), seed=self.source)


def test_own_layers(clip):
    check(OwnSource(keras.random.SeedGenerator(3)), clip)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: OwnSource(None), "must draw its random numbers from Keras' `SeedGenerator`"),
        # Keras draws the names of its operations with Python's random numbers.
        (lambda: keras.layers.AugMix(), "must draw its random numbers"),
        (lambda: keras.layers.MixUp(), "must not mix the images of a batch"),
        (lambda: keras.Sequential([keras.layers.CutMix()]), "with CutMix"),
    ],
)
def test_layers_that_treat_frames_differently_are_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        ClipAugmentation(layer())


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match="KERAS_BACKEND=jax"):
        ClipAugmentation(keras.layers.RandomFlip())


@pytest.mark.slow
@pytest.mark.parametrize("name", KERAS_CV)
def test_keras_cv(clip, name):
    keras_cv = pytest.importorskip("keras_cv", reason="KerasCV is not installed: pip install keras-cv")
    options = {
        "RandAugment": {"value_range": (0, 255)},
        "RandomShear": {"x_factor": 0.3, "y_factor": 0.3},
        "RandomCutout": {"height_factor": 0.4, "width_factor": 0.4},
        "RandomColorJitter": {
            "value_range": (0, 255),
            "brightness_factor": 0.3,
            "contrast_factor": 0.3,
            "saturation_factor": 0.3,
            "hue_factor": 0.3,
        },
        "RandomGaussianBlur": {"kernel_size": 5, "factor": 1.0},
    }
    check(getattr(keras_cv.layers, name)(**options.get(name, {})), clip)

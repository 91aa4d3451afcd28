import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import Annotations, Augmentation, Clip, Cropping, evaluation_dataset, training_dataset
from keras_action.data.resizing import resize

SIZES = [
    ((40, 52), (224, 224)),
    ((192, 168), (224, 224)),
    ((300, 200), (112, 96)),
    ((97, 31), (50, 131)),
    ((5, 7), (1, 1)),
]


@pytest.fixture(params=["opencv", "tensorflow"])
def package(request, monkeypatch):
    """Resizes by each package in turn."""
    if request.param == "opencv":
        pytest.importorskip("cv2", reason="OpenCV is not installed")
    else:
        monkeypatch.setitem(sys.modules, "cv2", None)
    return request.param


def bilinear(frames, size):
    """The definition: half-pixel centres, the border repeated, rounded half up."""
    result = frames.astype(np.float64)
    for axis, target in zip((1, 2), size, strict=True):
        source = frames.shape[axis]
        centres = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
        low = np.floor(centres).astype(int)
        share = np.expand_dims(centres - low, tuple(range(1, 4 - axis)))
        result = (
            np.take(result, low, axis) * (1 - share) + np.take(result, np.minimum(low + 1, source - 1), axis) * share
        )
    return np.floor(result + 0.5)


@pytest.mark.parametrize("form", ["tensor", "list"])
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_is_bilinear_to_within_one_grey_level(package, source, target, form):
    frames = np.random.default_rng(0).integers(0, 256, (3, *source, 3), np.uint8)
    resized = resize(tf.constant(frames) if form == "tensor" else [tf.constant(frame) for frame in frames], target)
    assert resized.dtype == tf.uint8
    np.testing.assert_allclose(resized.numpy().astype(float), bilinear(frames, target), atol=1)


def test_in_a_graph_of_unknown_sizes(package):
    clips = [np.full((2, 10, 20, 3), 7, np.uint8), np.full((2, 30, 15, 3), 9, np.uint8)]
    dataset = tf.data.Dataset.from_generator(
        lambda: clips, output_signature=tf.TensorSpec((2, None, None, 3), tf.uint8)
    )
    fixed = dataset.map(lambda clip: resize(clip, (8, 12)))
    assert fixed.element_spec.shape == (2, 8, 12, 3)
    assert [np.unique(clip).tolist() for clip in fixed] == [[7], [9]]
    halves = dataset.map(lambda clip: resize(clip, tf.shape(clip)[1:3] // 2))
    assert [tuple(clip.shape) for clip in halves] == [(2, 5, 10, 3), (2, 15, 7, 3)]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_clips_are_the_same_with_and_without_opencv(tmp_path, monkeypatch, suffix):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    encode = tf.io.encode_jpeg if suffix == "jpg" else tf.io.encode_png
    rng, clips = np.random.default_rng(0), []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        clips.append(Clip(str(tmp_path / str(number)), "a"))
        for place in range(8):
            picture = rng.integers(0, 256, (60, 80, 3), np.uint8)
            (tmp_path / str(number) / f"{place:05}.{suffix}").write_bytes(encode(picture).numpy())
    annotations = Annotations(tuple(clips), ("a",))
    settings = {"num_segments": 4, "input_size": 48, "batch_size": 2}

    def batches():
        training = training_dataset(
            annotations, **settings, seed=3, augmentation=Augmentation(flip=True, flip_pairs=())
        ).take(4)
        evaluation = evaluation_dataset(annotations, **settings, cropping=Cropping(short_side=56))
        crops = evaluation_dataset(annotations, **settings, num_crops=3)
        return [batch[0].numpy().astype(int) for dataset in (training, evaluation, crops) for batch in dataset]

    with_opencv = batches()
    monkeypatch.setitem(sys.modules, "cv2", None)
    for clips, others in zip(batches(), with_opencv, strict=True):
        np.testing.assert_allclose(clips, others, atol=1)


def test_large_frames_are_decoded_small_first(package, tmp_path):
    from keras_action.data.jpeg import decode_window

    rows, columns = np.mgrid[:512, :768]
    picture = np.stack([rows // 2 % 256, columns // 3, (rows + columns) // 5], -1).astype(np.uint8)
    jpeg = tf.io.encode_jpeg(picture, quality=95)
    window = tf.constant([0, 128]), tf.constant([500, 500])
    clip = decode_window(tf.stack([jpeg, jpeg]), *window, size=(224, 224)).numpy()
    expected = bilinear(picture[None, :500, 128:628], (224, 224))[0]
    assert np.abs(clip[1] - expected).mean() < 2

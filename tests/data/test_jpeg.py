import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import (
    Annotations,
    Clip,
    Cropping,
    DecodingError,
    FailureLog,
    evaluation_dataset,
    training_dataset,
)
from keras_action.data.jpeg import JpegHeads, decode_whole, decode_window
from keras_action.data.sources import open_clip

SETTINGS = {"num_segments": 4, "input_size": 32, "batch_size": 2}


def scene(number, height=60, width=80):
    """A picture without sharp edges, other for each number."""
    rows, columns = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin((rows * a + columns * b + 7 * number) / 25) for a, b in ((1, 2), (2, -1), (1, 0))]
    return np.stack(waves, -1).astype(np.uint8)


def jpeg(picture, **options):
    return tf.io.encode_jpeg(picture, quality=95, **options).numpy()


def write_folder(folder, frames=8, encode=jpeg, suffix="jpg", **size):
    folder.mkdir(parents=True)
    for number in range(frames):
        (folder / f"{number + 1:05}.{suffix}").write_bytes(encode(scene(number, **size)))
    return Clip(str(folder), "a")


def first_batch(dataset):
    return np.asarray(next(iter(dataset))[0]).astype(int)


def read_jpegs(clip, indices=None):
    return open_clip(clip).read_jpegs(indices, JpegHeads())


def decoded(clip, **options):
    jpegs, _ = read_jpegs(clip)
    return decode_window(tf.constant(jpegs), **options).numpy()


def test_reads_the_chosen_frames_and_their_size(tmp_path):
    clip = write_folder(tmp_path / "1")
    jpegs, size = read_jpegs(clip, [0, 7, 0])
    assert size == (60, 80)
    assert jpegs == [(tmp_path / "1" / name).read_bytes() for name in ("00001.jpg", "00008.jpg", "00001.jpg")]


def test_a_window_is_what_is_cut_from_the_whole(tmp_path):
    clip = write_folder(tmp_path / "1", frames=3)
    whole = [tf.io.decode_jpeg((tmp_path / "1" / f"0000{i}.jpg").read_bytes()).numpy() for i in (1, 2, 3)]
    window = decoded(clip, offset=tf.constant([7, 21]), crop=tf.constant([40, 50]), size=(40, 50))
    np.testing.assert_allclose(
        window, np.stack(whole)[:, 7:47, 21:71], atol=8
    )  # at the edge no neighbours smooth the colours
    scaled = decoded(clip, offset=tf.constant([7, 21]), crop=tf.constant([40, 50]), size=(30, 30))
    expected = tf.image.resize(np.stack(whole)[:, 7:47, 21:71], (30, 30)).numpy()
    np.testing.assert_allclose(scaled, expected, atol=8)


@pytest.mark.parametrize("ratio", [2, 4, 8])
def test_large_windows_are_decoded_small(tmp_path, ratio):
    clip = write_folder(tmp_path / "1", frames=2, height=16 * ratio, width=24 * ratio)
    offset, crop = tf.constant([0, 8 * ratio]), tf.constant([16 * ratio, 16 * ratio])
    small = decoded(clip, offset=offset, crop=crop, size=(16, 16))
    expected = tf.image.resize(scene(0, 16 * ratio, 24 * ratio)[:, 8 * ratio :], (16, 16), "area").numpy()
    np.testing.assert_allclose(small[0], expected, atol=6)


def test_whole_frames(tmp_path):
    jpegs, size = read_jpegs(write_folder(tmp_path / "1", frames=2))
    assert decode_whole(tf.constant(jpegs), tf.constant(size), 60).shape == (2, 60, 80, 3)
    assert decode_whole(tf.constant(jpegs), tf.constant(size), 30).shape == (2, 30, 40, 3)


def test_what_only_python_can_be_trusted_with(tmp_path):
    progressive = write_folder(tmp_path / "1", encode=lambda picture: jpeg(picture, progressive=True))
    png = write_folder(tmp_path / "2", encode=lambda picture: tf.io.encode_png(picture).numpy(), suffix="png")
    sizes = write_folder(tmp_path / "3")
    (tmp_path / "3" / "00002.jpg").write_bytes(jpeg(scene(1)[:40]))
    truncated = write_folder(tmp_path / "4")
    (tmp_path / "4" / "00002.jpg").write_bytes(jpeg(scene(1))[:-300])
    for clip in (progressive, png, sizes, truncated):
        assert read_jpegs(clip) is None


@pytest.mark.parametrize("content", [b"", b"Not a picture.\n"])
def test_what_is_no_picture(tmp_path, content):
    clip = write_folder(tmp_path / "1")
    (tmp_path / "1" / "00002.jpg").write_bytes(content)
    with pytest.raises(DecodingError, match=r"00002\.jpg"):
        read_jpegs(clip)


def test_no_damage_reaches_the_graph(tmp_path):
    """Whatever is broken in a file: what `read_jpegs` lets through can be decoded."""
    clip, whole = write_folder(tmp_path / "1", frames=1), jpeg(scene(0))
    rng = np.random.default_rng(0)
    passed = refused = 0
    for _ in range(600):
        content = bytearray(whole)
        # As many in the head, some 600 bytes, as in the rest.
        place = rng.integers(2, 640 if rng.random() < 0.5 else len(whole))
        content[place : place + rng.integers(1, 4)] = rng.bytes(rng.integers(0, 4))
        (tmp_path / "1" / "00001.jpg").write_bytes(content)
        try:
            encoded = read_jpegs(clip)
        except DecodingError:
            encoded = None
        if encoded is None:
            refused += 1
            continue
        jpegs, (height, width) = encoded
        window = tf.constant([0, 0]), tf.constant([height, width])
        assert decode_window(tf.constant(jpegs), *window, size=(16, 16)).shape == (1, 16, 16, 3)
        passed += 1
    assert passed > 50 and refused > 50


def test_folders_of_jpegs_are_fed_as_folders_of_png_are(tmp_path):
    """JPEGs are cut when they are decoded, PNGs afterwards: the same clips."""

    def decoded_png(picture):
        return tf.io.encode_png(tf.io.decode_jpeg(jpeg(picture), dct_method="INTEGER_ACCURATE")).numpy()

    both = []
    for suffix, encode in (("jpg", jpeg), ("png", decoded_png)):
        clips = [write_folder(tmp_path / suffix / str(i), encode=encode, suffix=suffix) for i in range(4)]
        both.append(Annotations(tuple(clips), ("a",)))
    for dataset in (training_dataset, evaluation_dataset):
        # No smaller than the pictures: PNGs would be scaled twice, JPEGs are once.
        of_jpeg, of_png = (
            first_batch(dataset(annotations, **SETTINGS, cropping=Cropping(short_side=60))) for annotations in both
        )
        # Not equal: at the edge of a cut the decoder has no neighbours to smooth the colours with.
        assert np.abs(of_jpeg - of_png).mean() < 1 and np.abs(of_jpeg - of_png).max() < 16


def test_a_damaged_frame_costs_one_clip(tmp_path):
    clips = tuple(write_folder(tmp_path / str(i)) for i in range(4))
    for path in (tmp_path / "2").iterdir():
        path.write_bytes(path.read_bytes()[:200])  # in the head
    failures = FailureLog(max_share=0.5)
    dataset = training_dataset(Annotations(clips, ("a",)), **SETTINGS, failures=failures)
    with pytest.warns(UserWarning, match="damaged or truncated"):
        assert len(list(dataset.take(4))) == 4
    assert [clip.path for clip in failures.failures] == [clips[2].path]

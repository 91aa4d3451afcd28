import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import (
    Annotations,
    Clip,
    DecodingError,
    FailureLog,
    FrameFolderSource,
    Reading,
    evaluation_dataset,
    list_frames,
    open_clip,
    sample_segments,
    training_dataset,
    write_video,
)

SETTINGS = {"num_segments": 4, "input_size": 32, "batch_size": 2}


def picture(value, size=(48, 64)):
    """A grey that rises to the right and downwards by a little, so that scaling has something to do."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    grey = value + rows // 4 + columns // 4
    return np.stack([grey, grey + 8, grey + 16], -1).astype(np.uint8)


def write_frame(path, frame):
    encode = tf.io.encode_png if path.suffix == ".png" else lambda image: tf.io.encode_jpeg(image, quality=98)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(frame).numpy())


def write_folder(folder, values=range(0, 200, 20), name="{:05}.jpg", first=1, size=(48, 64)):
    for number, value in enumerate(values, start=first):
        write_frame(folder / name.format(number), picture(value, size))
    return folder


def read_folder(folder, indices=None, frames=None, **options):
    return FrameFolderSource(folder, frames).read(indices, **options)


@pytest.mark.parametrize("name", ["{:05}.jpg", "img_{}.jpeg", "2-frame{}.PNG", "{}.png"])
@pytest.mark.parametrize("first", [0, 1, 98])
def test_all_frames_in_the_order_of_their_numbers(tmp_path, name, first):
    folder = write_folder(tmp_path, range(0, 120, 10), name.replace("PNG", "png"), first)
    if "PNG" in name:
        for file in list(folder.iterdir()):
            file.rename(file.with_suffix(".PNG"))
    frames = read_folder(folder)
    assert frames.shape == (12, 48, 64, 3)
    assert frames.dtype == np.uint8
    expected = np.stack([picture(value) for value in range(0, 120, 10)])
    tolerance = 0 if "png" in name.lower() else 4
    assert np.abs(frames.astype(int) - expected).max() <= tolerance
    assert list_frames(folder)[1] == list(range(first, first + 12))


def test_chosen_frames_in_any_order(tmp_path):
    folder = write_folder(tmp_path, name="{}.png")
    frames = read_folder(folder, [9, 0, 0, 3])
    assert (frames[:, 0, 0, 0] == [180, 0, 0, 60]).all()


def test_only_the_chosen_are_opened(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "00004.jpg").write_bytes(b"")
    assert len(read_folder(folder, [0, 9])) == 2
    with pytest.raises(DecodingError, match=r"00004\.jpg: the file is empty"):
        read_folder(folder)


def test_part(tmp_path):
    folder = write_folder(tmp_path, name="{}.png")
    source = FrameFolderSource(folder, (2, 6))
    assert source.num_frames == 4
    assert source.read()[:, 0, 0, 0].tolist() == [40, 60, 80, 100]
    with pytest.raises(DecodingError, match=r"frames 5 to 10 are wanted, but there are only 10"):
        read_folder(folder, frames=(5, 11))
    for frames in ((-1, 3), (3, 3), (4, 3)):
        with pytest.raises(ValueError, match="0 <= first < stop"):
            read_folder(folder, frames=frames)


@pytest.mark.parametrize("short_side", [240, 47, 30, 24, 23, 12, 6, 5])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_scaling_is_averaging_over_areas(tmp_path, short_side, suffix):
    """The JPEGs' partial decoding too: 24 and less are decoded at a half, 12 at a quarter, 6 at an eighth."""
    size = (48, 72)
    folder = write_folder(tmp_path, (30, 90), f"{{}}.{suffix}", size=size)
    frames = read_folder(folder, short_side=short_side)
    whole = read_folder(folder)
    if short_side >= 48:
        expected = whole
    else:
        expected = tf.image.resize(whole, (short_side, round(72 * short_side / 48)), method="area").numpy()
    assert frames.shape == expected.shape
    assert np.abs(frames - np.round(expected)).max() <= (2 if suffix == "jpg" else 0)


def test_scaling_of_odd_sizes(tmp_path):
    """libjpeg rounds up: half of 47 x 63 is 24 x 32."""
    folder = write_folder(tmp_path, (30,), size=(47, 63))
    assert read_folder(folder, short_side=24).shape == (1, 24, 32, 3)
    assert read_folder(folder, short_side=23).shape == (1, 23, 31, 3)


def test_other_files_are_passed_over(tmp_path):
    folder = write_folder(tmp_path, name="{}.png")
    for name in ("Thumbs.db", "._3.png", ".DS_Store", "notes.txt"):
        (folder / name).write_text("12")
    assert len(read_folder(folder)) == 10


def test_content_counts_not_the_suffix(tmp_path):
    folder = write_folder(tmp_path, name="{}.png")
    for file in list(folder.iterdir()):
        file.rename(file.with_suffix(".jpg"))
    assert read_folder(folder)[3, 0, 0, 0] == 60


def test_grey_and_transparent_pictures_become_rgb(tmp_path):
    grey = picture(50)[:, :, :1]
    alpha = np.concatenate([picture(50), np.full((48, 64, 1), 7, np.uint8)], -1)
    (tmp_path / "1.jpg").write_bytes(tf.io.encode_jpeg(grey, quality=98).numpy())
    (tmp_path / "2.png").write_bytes(tf.io.encode_png(alpha).numpy())
    (tmp_path / "3.png").write_bytes(tf.io.encode_png(grey.astype(np.uint16) * 256).numpy())
    frames = read_folder(tmp_path)
    np.testing.assert_array_equal(frames[1], picture(50))
    np.testing.assert_array_equal(frames[2], np.repeat(grey, 3, -1))
    np.testing.assert_allclose(frames[0], np.repeat(grey, 3, -1), atol=2)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("{:05}.jpg", lambda content: b"", r"00003\.jpg: the file is empty"),
        ("{:05}.jpg", lambda content: content[: len(content) // 2], r"00003\.jpg: damaged or truncated: "),
        ("{:05}.jpg", lambda content: content[:-2], r"00003\.jpg: damaged or truncated"),
        ("{:05}.jpg", lambda content: content[:30], r"00003\.jpg: damaged or truncated"),
        ("{:05}.jpg", lambda content: b"<html>404 Not Found</html>", r"00003\.jpg: neither a JPEG nor a PNG"),
        ("{:05}.png", lambda content: content[:-30], r"00003\.png: damaged or truncated"),
        ("{:05}.png", lambda content: content[:10], r"00003\.png: (damaged|the frames)"),
        ("{:05}.png", lambda content: content[:60] + b"\0" * 9 + content[69:], r"00003\.png: damaged or truncated"),
    ],
)
@pytest.mark.parametrize("short_side", [None, 20])
def test_damaged_frames(tmp_path, name, damage, message, short_side):
    folder = write_folder(tmp_path, name=name)
    file = folder / name.format(3)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DecodingError, match=message) as caught:
        read_folder(folder, short_side=short_side)
    assert "function_node" not in str(caught.value)
    assert "[Op" not in str(caught.value)


def test_frames_of_other_size(tmp_path):
    folder = write_folder(tmp_path)
    write_frame(folder / "00005.jpg", picture(0, (48, 60)))
    with pytest.raises(DecodingError, match=r"00005\.jpg: .* of one size\. Received: 60x48, after 00001\.jpg of 64x48"):
        read_folder(folder)


def test_missing_frame(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "00007.jpg").unlink()
    with pytest.raises(DecodingError, match=r"frames are missing between 00006\.jpg and 00008\.jpg"):
        read_folder(folder)


def test_every_fifth_frame_is_kept(tmp_path):
    folder = write_folder(tmp_path, range(30), name="{}.png")
    for number in range(1, 31):
        if number % 5:
            (folder / f"{number}.png").unlink()
    assert list_frames(folder) == ([f"{i}.png" for i in range(5, 31, 5)], list(range(5, 31, 5)))


def test_wrong_folders(tmp_path):
    with pytest.raises(DecodingError, match="absent: not a frame folder: No such file"):
        read_folder(tmp_path / "absent")
    with pytest.raises(DecodingError, match="there are no frames"):
        read_folder(tmp_path)
    (tmp_path / "1.jpg").touch()
    (tmp_path / "01.jpg").touch()
    with pytest.raises(DecodingError, match=r"01\.jpg and 1\.jpg have the same number"):
        list_frames(tmp_path)
    (tmp_path / "cover.jpg").touch()
    with pytest.raises(DecodingError, match=r"cover\.jpg: the names of frames must have numbers"):
        list_frames(tmp_path)


@pytest.mark.parametrize("indices", [[], [-1], [10]])
def test_wrong_choice(tmp_path, indices):
    folder = write_folder(tmp_path)
    with pytest.raises(ValueError, match="`indices` must be at least one, each from 0 to 9"):
        read_folder(folder, indices)


def test_open_clip(tmp_path):
    folder = write_folder(tmp_path / "clip", name="{}.png")
    video = tmp_path / "clip.mp4"
    write_video(video, [picture(value) for value in range(0, 200, 20)], fps=10)
    assert open_clip(Clip(str(folder), "a", frames=(3, 5))).read().shape == (2, 48, 64, 3)
    assert open_clip(Clip(str(video), "a", 0.3, 0.5)).read(short_side=24).shape == (2, 24, 32, 3)
    with pytest.raises(DecodingError, match=r"start and end are for videos.* Received: start=0\.3, end=None"):
        open_clip(Clip(str(folder), "a", 0.3)).read()
    with pytest.raises(
        DecodingError, match=r"`frames` is for frame folders.* Received: start=None, end=None, frames=\(3, 5\)"
    ):
        open_clip(Clip(str(video), "a", frames=(3, 5))).read()
    with pytest.raises(DecodingError, match="no such file"):
        open_clip(Clip(str(tmp_path / "absent"), "a", frames=(3, 5))).read()


@pytest.fixture
def annotations(tmp_path):
    """Six clips, the last two of them parts of one folder."""
    clips = [Clip(str(write_folder(tmp_path / str(i), [30 * i] * 12)), "ab"[i % 2]) for i in range(5)]
    clips[4:] = [Clip(clips[4].path, "a", frames=(0, 6)), Clip(clips[4].path, "b", frames=(6, 12))]
    return Annotations(tuple(clips), ("a", "b"))


def means(clips):
    return np.mean(clips, (1, 2, 3, 4))


def test_a_folder_with_the_suffix_of_a_video_is_read(tmp_path):
    """The graph of videos has no decoder of JPEGs."""
    folders = [write_folder(tmp_path / f"{name}.mp4", values=[40] * 6) for name in "ab"]
    annotations = Annotations(tuple(Clip(str(folder), "a") for folder in folders), ("a",))
    for dataset in (
        training_dataset(annotations, **SETTINGS).take(1),
        evaluation_dataset(annotations, **SETTINGS),
        evaluation_dataset(annotations, **SETTINGS, num_crops=3),
    ):
        (batch,) = dataset.as_numpy_iterator()
        assert batch[0].shape[-4:] == (4, 32, 32, 3)
        assert batch[0].min() >= 35 and batch[0].max() <= 95


def test_training_on_frame_folders(annotations):
    batches = list(training_dataset(annotations, seed=1, **SETTINGS).take(3))
    assert all(clips.shape == (2, 4, 32, 32, 3) for clips, _ in batches)
    brightness = sorted(round(float(mean)) // 30 for clips, _ in batches for mean in means(clips))
    assert brightness == [0, 1, 2, 3, 4, 4]
    cached = list(training_dataset(annotations, seed=1, reading=Reading(cache=True), **SETTINGS).take(3))
    for (clips, labels), (others, other_labels) in zip(batches, cached, strict=True):
        np.testing.assert_array_equal(clips, others)
        np.testing.assert_array_equal(labels, other_labels)


def test_a_damaged_frame_is_noted_and_the_clip_replaced(annotations):
    shutil.rmtree(annotations.clips[2].path)
    for file in Path(annotations.clips[1].path).iterdir():
        file.write_bytes(file.read_bytes()[:200])
    failures = FailureLog(max_share=0.5)
    with pytest.warns(UserWarning, match="A clip is left out"):
        batches = list(training_dataset(annotations, failures=failures, **SETTINGS).take(3))
    assert len(batches) == 3
    assert list(failures.failures) == [annotations.clips[1], annotations.clips[2]]
    assert "truncated" in failures.failures[annotations.clips[1]]


def test_evaluation_on_frame_folders(annotations):
    file = f"{annotations.clips[3].path}/00002.jpg"
    with open(file, "r+b") as opened:
        opened.truncate(300)
    failures = FailureLog(max_share=0.5)
    with pytest.warns(UserWarning, match=r"00002\.jpg: damaged or truncated"):
        batches = list(evaluation_dataset(annotations, failures=failures, **SETTINGS))
    labels = np.concatenate([batch[1] for batch in batches])
    weights = np.concatenate([batch[2] for batch in batches])
    assert labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert weights.tolist() == [1, 1, 1, 0, 1, 1]
    assert (np.concatenate([means(batch[0]) for batch in batches]) // 30).tolist() == [0, 1, 2, 0, 4, 4]


def test_evaluation_sees_the_frames_of_the_middle(tmp_path):
    folder = write_folder(tmp_path, range(0, 240, 10), name="{}.png", size=(32, 32))
    annotations = Annotations((Clip(str(folder), "a", frames=(4, 20)),), ("a",))
    (clips, *_), *_ = evaluation_dataset(annotations, **SETTINGS)
    expected = 10 * (4 + sample_segments(16, 4))
    np.testing.assert_array_equal(clips[0, :, 0, 0, 0], expected)


def test_what_another_encoder_wrote(tmp_path):
    """The same as Pillow reads, to a rounding: progressive, and with colours at half the resolution."""
    image = pytest.importorskip("PIL.Image")
    for number, (mode, options) in enumerate([("RGB", {"progressive": True}), ("RGB", {"subsampling": 2})], start=1):
        content = io.BytesIO()
        image.fromarray(picture(90)).convert(mode).save(content, "JPEG", quality=95, **options)
        (tmp_path / f"{number}.jpg").write_bytes(content.getvalue())
        expected = np.asarray(image.open(content))
        frames = read_folder(tmp_path)[-1:]
        np.testing.assert_allclose(frames[0].astype(int), expected, atol=1)

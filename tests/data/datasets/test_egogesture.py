from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import AnnotationError, Clip, DecodingError, evaluation_dataset, open_clip, read_egogesture
from keras_action.data.datasets.egogesture import TEST_SUBJECTS, TRAINING_SUBJECTS, VALIDATION_SUBJECTS

TABLE = "2,178,218\n1,285,327\n83,381,421\n"


def write_recording(
    root, table=TABLE, subject=3, scene=1, group=1, frames="frames", labels="subject{:02}", name="Group{}.csv", images=0
):
    """One recording and its table, in the form in which they are handed out."""
    folder = root / frames / f"Subject{subject:02}" / f"Scene{scene}" / "Color" / f"rgb{group}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent.parent / "Depth" / f"depth{group}").mkdir(parents=True, exist_ok=True)
    for number in range(1, images + 1):
        frame = np.full((24, 32, 3), number, np.uint8)
        (folder / f"{number:06}.jpg").write_bytes(tf.io.encode_jpeg(frame, quality=98).numpy())
    path = root / "labels-final-revised1" / labels.format(subject) / f"Scene{scene}" / name.format(group)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(table.encode())
    return str(folder)


def read(root, split="train", **options):
    return read_egogesture(root, split, allow_missing=True, **options)


@pytest.mark.parametrize("name", ["Group{}.csv", "group{}.csv"])
@pytest.mark.parametrize("labels", ["subject{:02}", "Subject{:02}"])
@pytest.mark.parametrize("frames", ["frames", "images", "images_320-240_1", ""])
def test_clips(tmp_path, frames, labels, name):
    folder = write_recording(tmp_path, frames=frames, labels=labels, name=name)
    annotations = read(tmp_path)
    assert annotations.clips == (
        Clip(folder, "Scroll hand towards left", frames=(177, 218), group="Subject03", fps=30),
        Clip(folder, "Scroll hand towards right", frames=(284, 327), group="Subject03", fps=30),
        Clip(folder, "Move fingers forward", frames=(380, 421), group="Subject03", fps=30),
    )
    assert len(annotations.labels) == len(set(annotations.labels)) == 83
    assert annotations.label_ids().tolist() == [1, 0, 82]


def test_the_released_code_drops_two_frames(tmp_path):
    write_recording(tmp_path)
    assert [clip.frames for clip in read(tmp_path, drop_last_frames=2).clips] == [(177, 216), (284, 325), (380, 419)]
    with pytest.raises(ValueError, match="must not be negative"):
        read(tmp_path, drop_last_frames=-1)


@pytest.mark.parametrize(
    "table",
    [
        "2,178,218\nNaN,NaN,NaN\n7,NaN,NaN\n1,285,327\n",
        "2,178,218\n,,\n7,,\n\n1,285,327\n",
        "\ufeff2,178,218\r\n1,285,327\r\n",
        "2.0,178.0,218.0\n1, 285 ,327,\n",
    ],
    ids=["NaN", "empty", "byte order mark and Windows line ends", "real numbers"],
)
def test_forms_of_tables(tmp_path, table):
    write_recording(tmp_path, table)
    assert [clip.frames for clip in read(tmp_path).clips] == [(177, 218), (284, 327)]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "there are no clips in the train split"),
        ("2,178,218\n84,1,5\n", r"subject03/Scene1/Group1\.csv, line 2: classes go from 1 to 83\. Received: 84"),
        ("0,1,5\n", "line 1: classes go from 1 to 83"),
        ("2,178\n", r"line 1: expected class,start,end\. Received: 2,178"),
        ("2,178,218,9\n", r"line 1: expected class,start,end\. Received: 2,178,218,9"),
        ("class,start,end\n", "line 1: expected class,start,end"),
        ("NaN,5,9\n", "line 1: expected class,start,end"),
        ("2,5,nan\n", "line 1: expected class,start,end"),
        ("2,5,inf\n", "line 1: expected class,start,end"),
        ("2,5.5,8\n", "line 1: expected class,start,end"),
        ("2,0,8\n", r"line 1: start must be from 1 to the end, .* Received: start=0, end=8"),
        ("2,9,8\n", "line 1: start must be from 1 to the end"),
    ],
)
def test_wrong_tables(tmp_path, table, message):
    write_recording(tmp_path, table)
    with pytest.raises(AnnotationError, match=message):
        read(tmp_path)


def test_too_short_for_what_is_dropped(tmp_path):
    write_recording(tmp_path, "64,1,2\n")
    assert read(tmp_path, drop_last_frames=1).clips[0].frames == (0, 1)
    with pytest.raises(AnnotationError, match=r"line 1: .* less the 2 frames to drop"):
        read(tmp_path, drop_last_frames=2)


def test_the_split_is_by_subject(tmp_path):
    assert sorted(TRAINING_SUBJECTS + VALIDATION_SUBJECTS + TEST_SUBJECTS) == list(range(1, 51))
    for subject in range(1, 51):
        write_recording(tmp_path, "1,1,9\n", subject)
    sizes = {"train": 30, "validation": 10, "test": 10}
    groups = {split: {clip.group for clip in read_egogesture(tmp_path, split).clips} for split in sizes}
    assert {split: len(names) for split, names in groups.items()} == sizes
    assert "Subject37" in groups["validation"]
    assert "Subject47" in groups["test"]
    assert len(set.union(*groups.values())) == 50


def test_recordings_come_in_the_order_of_their_numbers(tmp_path):
    for scene, group in ((2, 1), (1, 10), (1, 2), (1, 1)):
        write_recording(tmp_path, f"{group},1,9\n", scene=scene, group=group)
    paths = [clip.path.replace("\\", "/").split("Subject03/")[1] for clip in read(tmp_path).clips]
    assert paths == ["Scene1/Color/rgb1", "Scene1/Color/rgb2", "Scene1/Color/rgb10", "Scene2/Color/rgb1"]


def test_subjects_unpacked_into_several_folders(tmp_path):
    write_recording(tmp_path, subject=3, frames="images_320-240_1")
    write_recording(tmp_path, subject=50, frames="images_320-240_5")
    assert {clip.group for clip in read(tmp_path).clips} == {"Subject03", "Subject50"}


def test_given_labels(tmp_path):
    write_recording(tmp_path, "2,178,218\n1,285,327\n")
    labels = ("Scroll hand towards left", "Scroll hand towards right")
    assert read(tmp_path, labels=labels).label_ids().tolist() == [0, 1]
    with pytest.raises(AnnotationError, match=r"line 2: unknown label; known are .* Received: 'Scroll hand towards r"):
        read(tmp_path, labels=labels[:1])


def test_missing_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected labels-final-revised1\. Received: an empty folder"):
        read_egogesture(tmp_path, "train")
    (tmp_path / "labels-final-revised1").mkdir()
    with pytest.raises(FileNotFoundError, match=r"expected folders Subject01 to Subject50 in frames or images"):
        read_egogesture(tmp_path, "train")
    folder = write_recording(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"labels-final-revised1: expected subject04\. Received: subject03/"):
        read_egogesture(tmp_path, "train")
    with pytest.raises(FileNotFoundError, match=r"none of the subjects 2, 9, .* was found"):
        read(tmp_path, "test")
    for subject in TRAINING_SUBJECTS:
        write_recording(tmp_path, subject=subject)
    write_recording(tmp_path, group=2)
    write_recording(tmp_path, scene=2)
    (tmp_path / "frames/Subject03/Scene1/Color/rgb2").rmdir()
    with pytest.raises(FileNotFoundError, match=r"Color: expected rgb2\. Received: rgb1/\."):
        read_egogesture(tmp_path, "train")
    (tmp_path / "frames/Subject03/Scene1/Color/rgb2").mkdir()
    (tmp_path / "frames/Subject03/Scene2/Color").rename(tmp_path / "frames/Subject03/Scene2/Colour")
    with pytest.raises(FileNotFoundError, match=r"Scene2: expected a folder Color\. Received: Colour/, Depth/"):
        read_egogesture(tmp_path, "train")
    assert folder in {clip.path for clip in read(tmp_path).clips}


def test_two_tables_of_one_group(tmp_path):
    write_recording(tmp_path, name="Group{}.csv")
    write_recording(tmp_path, name="group{}.csv")
    if len(list((tmp_path / "labels-final-revised1/subject03/Scene1").iterdir())) == 2:  # not where case is ignored
        with pytest.raises(AnnotationError, match=r"Group1\.csv and group1\.csv are the same"):
            read(tmp_path)


def test_the_annotated_frames_are_read(tmp_path):
    """The first and the last frame of a clip are those that the table names, counted from 1."""
    write_recording(tmp_path, "5,11,20\n6,21,30\n", images=30)
    annotations = read(tmp_path)
    (clips, labels, weights), *_ = evaluation_dataset(annotations, num_segments=10, input_size=24, batch_size=2)
    np.testing.assert_allclose(clips[0, :, 12, 12, 0], np.arange(11, 21), atol=1)
    np.testing.assert_allclose(clips[1, :, 12, 12, 0], np.arange(21, 31), atol=1)
    assert labels.numpy().tolist() == [4, 5]
    assert weights.numpy().tolist() == [1, 1]


def test_frames_that_do_not_begin_at_one_are_mapped_by_number(tmp_path):
    folder = write_recording(tmp_path, "2,21,30\n1,31,40\n", images=40)
    for number in (1, 2):  # the first frames of the recording got lost
        (Path(folder) / f"{number:06}.jpg").unlink()
    assert [clip.frames for clip in read(tmp_path).clips] == [(18, 28), (28, 38)]


def test_only_clips_that_touch_a_gap_are_refused(tmp_path):
    folder = write_recording(tmp_path, "2,1,10\n1,11,20\n3,21,30\n", images=30)
    (Path(folder) / "000015.jpg").unlink()
    first, second, third = (open_clip(clip) for clip in read(tmp_path).clips)
    assert first.read([0]).shape[0] == third.read([9]).shape[0] == 1
    assert (first.num_frames, third.num_frames) == (10, 10)
    with pytest.raises(DecodingError, match=r"missing between 000014\.jpg and 000016\.jpg"):
        second.read([0])


@pytest.mark.parametrize(
    "table", ["2,178,218\n ,,\n1,285,327", "2,178,218\n1,285,327"], ids=["a line of commas", "no end"]
)
def test_odd_forms_of_tables(tmp_path, table):
    write_recording(tmp_path, table, name="group{}.csv")
    assert [clip.frames for clip in read(tmp_path).clips] == [(177, 218), (284, 327)]

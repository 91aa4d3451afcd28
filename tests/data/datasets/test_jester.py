import os

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import AnnotationError, Clip, open_clip, read_jester

NAMES = {
    "first": ("jester-v1-{}.csv", ""),
    "present": ("{}.csv", "labels"),
    "annotations": ("jester-v1-{}.csv", "annotations"),
}
ROWS = "1;Doing other things\n3;Swiping Left\n2;No gesture\n"


def write_tree(root, rows=ROWS, split="train", form="first", ids=("1", "2", "3")):
    """The data set as it is handed out, with files of no bytes."""
    for name in ids:
        folder = root / "20bn-jester-v1" / name
        folder.mkdir(parents=True)
        for number in range(1, 4):
            (folder / f"{number:05}.jpg").touch()
    name, folder = NAMES[form]
    table = root / folder / name.format(split)
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    return table


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_clips(tmp_path, split, form):
    write_tree(tmp_path, split=split, form=form)
    annotations = read_jester(tmp_path, split)
    assert annotations.clips == (
        Clip(str(tmp_path / "20bn-jester-v1/1"), "Doing other things", fps=12),
        Clip(str(tmp_path / "20bn-jester-v1/3"), "Swiping Left", fps=12),
        Clip(str(tmp_path / "20bn-jester-v1/2"), "No gesture", fps=12),
    )
    assert len(annotations.labels) == len(set(annotations.labels)) == 27
    np.testing.assert_array_equal(annotations.label_ids(), [26, 0, 25])


@pytest.mark.parametrize(
    "rows",
    [
        ROWS.replace("\n", "\r\n"),
        "\ufeff" + ROWS,
        ROWS.replace("\n", "\n\n").rstrip(),
        ROWS.replace(";", " ; "),
    ],
    ids=["Windows line ends", "byte order mark", "blank lines", "spaces"],
)
def test_forms_of_tables(tmp_path, rows):
    write_tree(tmp_path, rows)
    assert [clip.label for clip in read_jester(tmp_path, "train").clips] == [
        "Doing other things",
        "Swiping Left",
        "No gesture",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", r"jester-v1-train\.csv: there are no clips"),
        ("1;Swiping Left\n2;Swipe Right\n", r"train\.csv, line 2: unknown label; known are .* Received: 'Swipe Right'"),
        ("1;Swiping Left\n\n2\n", r"train\.csv, line 3: the label is missing\. Received: '2'"),
        (";Swiping Left\n", r"train\.csv, line 1: the id is missing"),
        (b"1;Swiping\xff Left\n", "not a text file in UTF-8"),
    ],
)
def test_wrong_tables(tmp_path, rows, message):
    write_tree(tmp_path, rows)
    with pytest.raises(AnnotationError, match=message):
        read_jester(tmp_path, "train")


def test_test_split_without_answers(tmp_path):
    write_tree(tmp_path, "1\n2\n3\n", "test")
    with pytest.raises(
        AnnotationError, match=r"test\.csv, line 1: the label is missing\. .* in test-answers\.csv beside"
    ):
        read_jester(tmp_path, "test")


def test_test_split_with_answers(tmp_path):
    table = write_tree(tmp_path, "1\n2\n3\n", "test", "present")
    (table.parent / "test-answers.csv").write_text("1;No gesture\n2;Thumb Up\n3;Thumb Down\n")
    assert [clip.label for clip in read_jester(tmp_path, "test").clips] == ["No gesture", "Thumb Up", "Thumb Down"]


def test_ids_do_not_depend_on_the_order_in_the_labels_file(tmp_path):
    write_tree(tmp_path)
    labels = read_jester(tmp_path, "train").labels
    (tmp_path / "jester-v1-labels.csv").write_text("\n".join(sorted(labels)) + "\n")
    assert read_jester(tmp_path, "train").labels == labels


def test_a_labels_file_with_other_names_has_the_say(tmp_path):
    write_tree(tmp_path, "1;Hop\n2;Skip\n")
    (tmp_path / "jester-v1-labels.csv").write_text("Skip\r\nHop\r\n")
    assert read_jester(tmp_path, "train").labels == ("Skip", "Hop")


def test_given_labels(tmp_path):
    write_tree(tmp_path)
    labels = ("No gesture", "Swiping Left", "Doing other things")
    assert read_jester(tmp_path, "train", labels=labels).label_ids().tolist() == [2, 1, 0]
    with pytest.raises(AnnotationError, match=r"line 3: unknown label; .* Received: 'No gesture'"):
        read_jester(tmp_path, "train", labels=labels[1:])
    with pytest.raises(ValueError, match="each once"):
        read_jester(tmp_path, "train", labels=("Hop", "Hop"))


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="jester: no such folder"):
        read_jester(tmp_path / "jester", "train")
    (tmp_path / "20bn-jester-v1-00").mkdir()
    (tmp_path / "jester-v1-train.csv").touch()
    with pytest.raises(
        FileNotFoundError, match=r"expected 20bn-jester-v1\. Received: 20bn-jester-v1-00/, jester-v1-train\.csv"
    ):
        read_jester(tmp_path, "train")
    (tmp_path / "20bn-jester-v1").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"expected jester-v1-validation\.csv or validation\.csv, in the folder"
    ):
        read_jester(tmp_path, "validation")
    with pytest.raises(ValueError, match=r"one of .*validation.*Received: split='val'"):
        read_jester(tmp_path, "val")


def test_missing_clips(tmp_path):
    write_tree(tmp_path, ids=("1", "3"))
    with pytest.raises(FileNotFoundError, match=r"20bn-jester-v1: 1 of 3 clips are missing \(2\)\. Are all parts"):
        read_jester(tmp_path, "train")
    assert len(read_jester(tmp_path, "train", allow_missing=True)) == 2
    (tmp_path / "jester-v1-train.csv").write_text("4;Thumb Up\n5;Thumb Up\n")
    with pytest.raises(FileNotFoundError, match="2 of 2 clips"):
        read_jester(tmp_path, "train", allow_missing=True)


def test_no_clips_folder_is_looked_at(tmp_path, monkeypatch):
    """The whole data set has 148,092 of them: one listing, and as many paths asked for as for a single clip."""
    looked_at = []
    for name in ("stat", "scandir"):
        function = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda path, *args, of=function, **kwargs: looked_at.append(path) or of(path, *args, **kwargs)
        )
    counts = []
    for number in (1, 1000):
        root = tmp_path / str(number)
        root.mkdir()
        write_tree(root, "".join(f"{i};Thumb Up\n" for i in range(1, number + 1)), ids=map(str, range(1, number + 1)))
        looked_at.clear()
        assert len(read_jester(root, "train")) == number
        counts.append(len(looked_at))
    assert counts[0] == counts[1]


def write_kaggle(root, split="Train", rows=((7, "Swiping Left", (1, 2, 4)), (9, "No gesture", (3, 5, 6, 10)))):
    """Kaggle's copy: a table with a header, and folders of frames whose numbers have gaps."""
    lines = ["video_id,label,frames,label_id,shape,format"]
    for video, label, numbers in rows:
        folder = root / split / str(video)
        folder.mkdir(parents=True)
        for number in numbers:
            picture = np.full((20, 24, 3), 10 * number, "uint8")
            (folder / f"{number:05}.jpg").write_bytes(tf.io.encode_jpeg(picture).numpy())
        lines.append(f'{video},{label},{len(numbers)},3,"(100, 176)",jpg')
    (root / f"{split}.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_kaggles_copy(tmp_path, split):
    folder = split.capitalize()
    write_kaggle(tmp_path, folder)
    annotations = read_jester(tmp_path, split)
    assert annotations.clips == (
        Clip(str(tmp_path / folder / "7"), "Swiping Left", frames=(0, 3), fps=12),
        Clip(str(tmp_path / folder / "9"), "No gesture", frames=(0, 4), fps=12),
    )
    assert len(annotations.labels) == 27
    frames = open_clip(annotations.clips[1]).read()
    np.testing.assert_allclose(frames[:, 10, 12, 0], [30, 50, 60, 100], atol=3)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("label,frames", "class,frames", r"columns label are missing"),
        ("Swiping Left", "Swiping Lift", r"line 2: unknown label.*'Swiping Lift'"),
        ("No gesture,4", "No gesture,many", r"line 3: the number of frames is missing.*'many'"),
    ],
)
def test_kaggles_table_with_an_error(tmp_path, before, after, message):
    write_kaggle(tmp_path)
    table = tmp_path / "Train.csv"
    table.write_text(table.read_text().replace(before, after))
    with pytest.raises(AnnotationError, match=message):
        read_jester(tmp_path, "train")

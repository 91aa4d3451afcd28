import os

import numpy as np
import pytest

from keras_action.data import AnnotationError, Annotations, Clip, read_annotations, write_video


def write(folder, content, name="set.csv"):
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def test_csv(tmp_path):
    path = write(tmp_path, "path,label\nb/1.mp4,wave\na/2.mp4,clap\n")
    annotations = read_annotations(path)
    assert annotations == Annotations(
        (Clip(str(tmp_path / "b/1.mp4"), "wave"), Clip(str(tmp_path / "a/2.mp4"), "clap")), ("clap", "wave")
    )
    assert len(annotations) == 2
    np.testing.assert_array_equal(annotations.label_ids(), [1, 0])
    assert annotations.label_ids().dtype == np.int32


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffpath,label,start,end\na.mp4,wave,0.5,2\nb.mp4,clap,,\n",
        "path,label,start,end\r\n\r\na.mp4,wave,0.5,2\r\n , \r\nb.mp4,clap,,\r\n\r\n",
        "label, start ,end,path\nwave,0.5,2, a.mp4\nclap,,,b.mp4",
        'path,label,start,end\n"a.mp4","wave",0.5,2\n"b.mp4",clap,,\n',
    ],
    ids=["byte order mark", "blank lines", "order and spaces", "quotes"],
)
def test_forms_of_csv(tmp_path, content):
    clips = read_annotations(write(tmp_path, content)).clips
    assert clips == (
        Clip(str(tmp_path / "a.mp4"), "wave", 0.5, 2.0),
        Clip(str(tmp_path / "b.mp4"), "clap"),
    )


def test_quoted_comma_and_absolute_path(tmp_path):
    path = write(tmp_path, f'path,label\n"{tmp_path}/a, b.mp4","moving up, slowly"\n')
    assert read_annotations(path).clips == (Clip(f"{tmp_path}/a, b.mp4", "moving up, slowly"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "set.csv: the file is empty"),
        ("\n\n", "set.csv: the file is empty"),
        ("path,label\n", "set.csv: there are no clips"),
        ("path,class\na.mp4,wave\n", "set.csv, line 1: the columns must be .* Received: path,class"),
        ("a.mp4,wave\n", "line 1: the columns must be"),
        ("path,label,strat\na.mp4,wave,0\n", "line 1: the columns must be"),
        ("path,label,label\na.mp4,wave,wave\n", "line 1: the columns must be"),
        ("path,label\na.mp4,wave\n\nb.mp4\n", "set.csv, line 4: 2 fields are expected"),
        ("path,label\na.mp4,wave,1\n", "line 2: 2 fields are expected"),
        ("path,label\n,wave\n", "line 2: the path is missing"),
        ("path,label\na.mp4,\n", "line 2: the label is missing"),
        ("path,label,start,end\na.mp4,wave,one,2\n", "line 2: start must be seconds.* Received: start=one"),
        ("path,label,start,end\na.mp4,wave,-1,2\n", "line 2: start must be seconds"),
        ("path,label,start,end\na.mp4,wave,0,nan\n", "line 2: end must be seconds"),
        ("path,label,start,end\na.mp4,wave,2,2\n", "line 2: end must be after start"),
        ("path,label,end\na.mp4,wave,0\n", "line 2: end must be after start"),
        ("path,label\na.mp4,wave\nb.mp4,wave\na.mp4,wave\n", "line 4: the same clip is on line 2"),
        ("path,label\na.mp4,wave\na.mp4,clap\n", "line 3: the same clip is on line 2"),
        ('path,label\n"a.mp4,wave\n', "not a CSV line"),
        (b"path,label\n\xff\xfe\x00.mp4,wave\n", "set.csv: not a text file in UTF-8"),
    ],
)
def test_wrong_csv(tmp_path, content, message):
    with pytest.raises(AnnotationError, match=message):
        read_annotations(write(tmp_path, content))


def test_given_labels_keep_their_order(tmp_path):
    path = write(tmp_path, "path,label\na.mp4,clap\nb.mp4,wave\n")
    annotations = read_annotations(path, labels=["wave", "clap"])
    assert annotations.labels == ("wave", "clap")
    np.testing.assert_array_equal(annotations.label_ids(), [1, 0])


def test_unknown_label(tmp_path):
    path = write(tmp_path, "path,label\na.mp4,wave\nb.mp4,Wave\n")
    with pytest.raises(AnnotationError, match=r"set.csv, line 3: unknown label; .* Received: 'Wave'"):
        read_annotations(path, labels=["wave"])


def test_class_without_clips(tmp_path):
    path = write(tmp_path, "path,label\na.mp4,wave\n")
    with pytest.raises(AnnotationError, match=r"set.csv: no clips of clap, point\."):
        read_annotations(path, labels=["clap", "wave", "point"])
    annotations = read_annotations(path, labels=["clap", "wave", "point"], allow_empty_classes=True)
    assert annotations.labels == ("clap", "wave", "point")


@pytest.mark.parametrize("labels", [[], ["wave", "wave"]])
def test_wrong_labels(tmp_path, labels):
    with pytest.raises(ValueError, match="each once"):
        read_annotations(write(tmp_path, "path,label\na.mp4,wave\n"), labels=labels)


@pytest.mark.parametrize(("start", "end"), [("0", "1.5"), ("3", "4"), ("1", "")])
def test_part_beyond_the_end(tmp_path, start, end):
    write_video(tmp_path / "a.mp4", np.zeros((10, 32, 32, 3), np.uint8), fps=10)
    path = write(tmp_path, f"path,label,start,end\na.mp4,wave,0,1\na.mp4,wave,{start},{end}\n")
    with pytest.raises(AnnotationError, match=r"set.csv, line 3: .* beyond the end of .*a.mp4, 1.000 s long"):
        read_annotations(path)
    assert len(read_annotations(path, check_ends=False)) == 2


def test_parts_of_a_missing_file_are_left_to_decoding(tmp_path):
    assert len(read_annotations(write(tmp_path, "path,label,start,end\na.mp4,wave,3,4\n"))) == 1


def test_folder_of_classes(tmp_path):
    for name in ("wave/2.mp4", "wave/1.MP4", "clap/1.webm", "clap/notes.txt", ".cache/x.mp4", "wave/.x.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "README.md").touch()
    with pytest.warns(UserWarning, match="clap.notes.txt"):
        annotations = read_annotations(tmp_path)
    assert annotations.labels == ("clap", "wave")
    assert [clip.path for clip in annotations.clips] == [
        str(tmp_path / name) for name in ("clap/1.webm", "wave/1.MP4", "wave/2.mp4")
    ]


def test_wrong_folders(tmp_path):
    with pytest.raises(AnnotationError, match="a folder for each class"):
        read_annotations(tmp_path)
    (tmp_path / "wave").mkdir()
    with pytest.raises(AnnotationError, match="there are no clips"):
        read_annotations(tmp_path)
    (tmp_path / "wave" / "a.mp4").touch()
    (tmp_path / "clap").mkdir()
    with pytest.raises(AnnotationError, match="no clips of clap"):
        read_annotations(tmp_path)
    assert read_annotations(tmp_path, allow_empty_classes=True).labels == ("clap", "wave")
    with pytest.raises(AnnotationError, match=r"clap: unknown label"):
        read_annotations(tmp_path, labels=["wave"])


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"set\.csv: no such file"):
        read_annotations(tmp_path / "set.csv")


def frame_folder(path, numbers=range(1, 11), name="{:05}.jpg"):
    path.mkdir(parents=True)
    for number in numbers:
        (path / name.format(number)).touch()
    return path


def test_folder_of_classes_with_frame_folders(tmp_path):
    for name in ("wave/10", "wave/2", "clap/1"):
        frame_folder(tmp_path / name)
    (tmp_path / "wave/3.mp4").touch()
    (tmp_path / "wave/.cache").mkdir()
    annotations = read_annotations(tmp_path)
    assert [clip.path for clip in annotations.clips] == [
        str(tmp_path / name) for name in ("clap/1", "wave/10", "wave/2", "wave/3.mp4")
    ]
    (tmp_path / "wave/4").mkdir()
    with pytest.raises(AnnotationError, match=r"wave/4: a folder in a class's folder must hold frames"):
        read_annotations(tmp_path)


@pytest.mark.parametrize("name", ["group", "subject", "session"])
def test_groups(tmp_path, name):
    path = write(tmp_path, f"path,label,{name}\na.mp4,wave,Ann\nb.mp4,wave, 7 \nc.mp4,wave,\n")
    assert [clip.group for clip in read_annotations(path).clips] == ["Ann", "7", None]


def test_frame_folders_in_csv(tmp_path):
    frame_folder(tmp_path / "a")
    path = write(
        tmp_path,
        "path,label,first_frame,last_frame\na,wave,1,4\na,wave,5,5\na,clap,6,\na,clap,,3\na,clap,,\nb.mp4,clap,,\n",
    )
    assert [clip.frames for clip in read_annotations(path).clips] == [(0, 4), (4, 5), (5, 10), (0, 3), None, None]


@pytest.mark.parametrize(
    ("numbers", "frames"), [(range(0, 10), (3, 6)), (range(1, 11), (2, 5)), (range(0, 50, 5), (1, 2))]
)
def test_numbers_of_frames_are_those_of_the_files(tmp_path, numbers, frames):
    frame_folder(tmp_path / "a", numbers)
    path = write(tmp_path, "path,label,first_frame,last_frame\na,wave,3,5\n")
    assert read_annotations(path).clips[0].frames == frames


def test_between_the_numbers_of_two_frames_there_is_none(tmp_path):
    frame_folder(tmp_path / "a", range(10, 25, 5))
    path = write(tmp_path, "path,label,first_frame,last_frame\na,wave,12,13\n")
    with pytest.raises(AnnotationError, match=r"there must be one from first_frame to last_frame.*=12, .*=13"):
        read_annotations(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label,group,subject\na,wave,1,1\n", "line 1: the columns must be .* may be called subject or session"),
        ("path,label,first_frame\na,wave,one\n", "line 2: first_frame must be a number of a frame.* first_frame=one"),
        ("path,label,last_frame\na,wave,-1\n", "line 2: last_frame must be a number of a frame"),
        ("path,label,first_frame,last_frame\na,wave,5,4\n", "line 2: the frames of .*a go from 1 to 10, .*=5, last_"),
        ("path,label,first_frame,last_frame\na,wave,5,11\n", "line 2: the frames of .*a go from 1 to 10"),
        ("path,label,first_frame,last_frame\na,wave,0,4\n", "line 2: the frames of .*a go from 1 to 10"),
        ("path,label,first_frame\nb,wave,1\n", "set.csv, line 2: .*b: not a frame folder"),
        ("path,label,first_frame,start\na,wave,1,0.5\n", "line 2: start and end are for videos"),
        ("path,label,start\na,wave,0.5\n", "line 2: start and end are for videos; a part of a frame folder has first"),
        ("path,label,last_frame\na,wave,5\na,clap,5\n", "line 3: the same clip is on line 2"),
    ],
)
def test_wrong_csv_of_frame_folders(tmp_path, content, message):
    frame_folder(tmp_path / "a")
    with pytest.raises(AnnotationError, match=message):
        read_annotations(write(tmp_path, content))


# === Names ===

NFC, NFD = "gr\u00fc\u00df", "gru\u0308\u00df"  # look alike


def test_labels_are_compared_in_unicode_nfc(tmp_path):
    write(tmp_path, f"path,label\n1.mp4,{NFD}\n2.mp4,{NFC} \n3.mp4,clap\n", "a.csv")
    annotations = read_annotations(tmp_path / "a.csv")
    assert annotations.labels == ("clap", NFC)
    assert read_annotations(tmp_path / "a.csv", labels=[NFD, "clap"]).labels == (NFC, "clap")


def test_class_folders_in_unicode_nfc(tmp_path):
    for name in (NFD, "wave "):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.mp4").touch()
    assert read_annotations(tmp_path).labels == (NFC, "wave")


def test_a_class_folder_whose_name_is_not_utf8(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"gr\xfc\xdf")
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system takes no such names")
    with pytest.raises(AnnotationError, match="must be in UTF-8"):
        read_annotations(tmp_path)


@pytest.mark.parametrize("suffix", [".mts", ".m2ts", ".ts", ".3gp", ".gif", ".wmv", ".flv", ".ogv", ".MOV"])
def test_videos_of_all_endings_are_in_class_folders(tmp_path, suffix):
    (tmp_path / "wave").mkdir()
    (tmp_path / "wave" / f"1{suffix}").touch()
    assert len(read_annotations(tmp_path)) == 1


def test_files_that_are_left_out_are_named_and_counted(tmp_path):
    (tmp_path / "wave").mkdir()
    for name in ("1.mp4", "notes.txt", "thumb.db"):
        (tmp_path / "wave" / name).touch()
    with pytest.warns(UserWarning, match=r"2 files are left out, .*: wave.notes\.txt, wave.thumb\.db\."):
        assert len(read_annotations(tmp_path)) == 1


def test_advice_for_empty_classes_fits(tmp_path):
    for name in ("wave", "clap"):
        (tmp_path / name).mkdir()
    (tmp_path / "wave" / "1.mp4").touch()
    with pytest.raises(AnnotationError, match=r"no clips of clap\. Add clips, or remove the class\."):
        read_annotations(tmp_path)
    with pytest.raises(AnnotationError, match=r"no clips of clap\. Pass allow_empty_classes=True"):
        read_annotations(tmp_path, labels=["wave", "clap"])

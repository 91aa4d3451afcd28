import pytest

from keras_action.data import AnnotationError, read_annotations, read_data_set, read_jester


@pytest.fixture
def jester(tmp_path):
    """Two clips, in a folder whose name has a colon."""
    root = tmp_path / "disk:1"
    for name in ("1", "2"):
        (root / "20bn-jester-v1" / name).mkdir(parents=True)
    (root / "jester-v1-train.csv").write_text("1;Swiping Left\n2;No gesture\n")
    return root


def test_official_data_set(jester):
    labels = ("No gesture", "Swiping Left")
    read = read_data_set(f"jester:train:{jester}", labels=labels)
    assert read == read_jester(jester, "train", labels)
    with pytest.raises(AnnotationError, match=r"jester:train:.*: no clips of .*--allow-empty-classes"):
        read_data_set(f"jester:train:{jester}")
    assert len(read_data_set(f"jester:train:{jester}", allow_empty_classes=True).labels) == 27


@pytest.mark.parametrize("name", ["clips.csv", "a:b:c.csv", "jester"])
def test_files_and_folders(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if name == "jester":
        (tmp_path / name / "wave").mkdir(parents=True)
        (tmp_path / name / "wave" / "1.mp4").touch()
    else:
        (tmp_path / name).write_text("path,label\n1.mp4,wave\n")
    assert read_data_set(name) == read_annotations(name)
    assert read_data_set(tmp_path / name) == read_annotations(tmp_path / name)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("jestr:train:x", ValueError, r"Did you mean jester:…\? Received: jestr:train:x"),
        ("something-something:train:x", ValueError, "Did you mean something_something:…"),
        ("jester:train", ValueError, "NAME:SPLIT:ROOT.* Received: jester:train$"),
        ("jester:val:x", ValueError, r"`split` must be one of .*validation.*Received: split='val'"),
        ("jester:train:x", FileNotFoundError, "x: no such folder"),
        ("absent.csv", FileNotFoundError, "absent.csv: no such file or folder"),
        ("absent:csv", FileNotFoundError, "absent:csv: no such file or folder"),
    ],
)
def test_what_is_not_there(source, error, message):
    with pytest.raises(error, match=message):
        read_data_set(source)

import pytest

from keras_action.data import SYNTHETIC_DRAWINGS, read_annotations
from training import synthesize


def test_writes_a_set(tmp_path, capsys):
    small = ["--clips-per-class", "2", "--frames", "3", "--size", "32", "32", "--workers", "1"]
    synthesize.main(["--kind", "drawing", "--output", str(tmp_path / "set"), *small])
    assert "22 of 22 videos" in capsys.readouterr().out
    assert sorted(read_annotations(tmp_path / "set" / "val.csv").labels) == sorted(SYNTHETIC_DRAWINGS)


def test_writes_some_of_the_classes(tmp_path):
    small = ["--clips-per-class", "2", "--frames", "3", "--size", "32", "32", "--workers", "1"]
    synthesize.main(["--labels", "zoom_in", "none", "--output", str(tmp_path / "set"), *small])
    assert read_annotations(tmp_path / "set" / "val.csv").labels == ("none", "zoom_in")


def test_writes_drawings_of_persons(tmp_path):
    small = ["--kind", "drawing", "--labels", "star", "none", "--clips-per-class", "2", "--frames", "3", "--size", "32"]
    for performer in ("finger", "person"):
        arguments = [*small, "32", "--workers", "1", "--performers", performer]
        synthesize.main(["--output", str(tmp_path / performer), *arguments])
    one, other = (sorted((tmp_path / performer).rglob("*.mp4")) for performer in ("finger", "person"))
    assert len(one) == len(other) == 4
    assert all(first.read_bytes() != second.read_bytes() for first, second in zip(one, other, strict=True))


def test_a_bad_size_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match="error: `size` must be"):
        synthesize.main(["--output", str(tmp_path / "set"), "--size", "8", "8"])
    assert not (tmp_path / "set").exists()

import os
import stat

import pytest

from keras_action.utils.files import write_whole


@pytest.mark.parametrize("data", [b"\x00\xff", "grün\n"])
def test_writes_bytes_and_text_and_makes_the_folder(tmp_path, data):
    path = write_whole(tmp_path / "new" / "file", data)
    assert path.read_bytes() == (data if isinstance(data, bytes) else data.encode())
    assert os.listdir(path.parent) == ["file"]


def test_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    path = write_whole(tmp_path / "ours", b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_name_that_is_not_utf8_does_not_cost_the_file(tmp_path):
    assert write_whole(tmp_path / "file", os.fsdecode(b"clip\xff.mp4")).read_text() == "clip?.mp4"


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write_whole(tmp_path / "file", b"old")

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"

import sys

import pytest

from keras_action.data import read_annotations, read_shards
from tests import tiny
from training import join, prepare


def failure(arguments):
    with pytest.raises(SystemExit) as exit:
        prepare.main(arguments)
    return str(exit.value.code)


def test_prepare_and_go_on(tmp_path, capsys):
    csv = tiny.write_videos(tmp_path, per_class=4)
    output = tmp_path / "shards"
    arguments = ["--data", str(csv), "--output", str(output), "--short-side", "24", "--workers", "1"]
    for _ in range(2):
        prepare.main([*arguments, "--clips-per-shard", "3"])
        assert f"{output}: 8 clips, 48 frames, " in capsys.readouterr().out
    assert len(read_annotations(output)) == 8
    message = failure([*arguments, "--clips-per-shard", "3", "--quality", "50"])
    assert message.startswith("error: ") and "quality: 50, not 90" in message
    join.main(["--data", str(output), "--output", str(tmp_path / "joined.mp4")])
    assert "8 clips" in capsys.readouterr().out


def test_split(tmp_path, capsys):
    csv = tiny.write_videos(tmp_path, per_class=20)
    output = tmp_path / "shards"
    arguments = ["--data", str(csv), "--output", str(output), "--workers", "1", "--split", "0.5,0.25,0.25"]
    prepare.main(arguments)
    parts = [read_shards(output / name) for name in ("train", "val", "test")]
    assert [len(part) for part in parts] == [20, 10, 10]
    assert len({clip.name for part in parts for clip in part.clips}) == 40
    assert {part.labels for part in parts} == {("bright", "dark")}
    assert capsys.readouterr().out.count(" clips, ") == 3


@pytest.mark.parametrize("shares", ["0.8", "0.8,x", "0.4,0.3,0.2,0.1"])
def test_wrong_shares(shares, capsys):
    with pytest.raises(SystemExit):
        prepare.main(["--data", "x", "--output", "y", "--split", shares])
    assert (
        f"argument --split: expected two or three numbers separated by commas. Received: {shares}"
        in capsys.readouterr().err
    )


def test_errors_in_one_line(tmp_path, monkeypatch):
    csv = tiny.write_videos(tmp_path, per_class=2, broken=(1,))
    output = ["--output", str(tmp_path / "shards")]
    assert "error: absent.csv: no such file" in failure(["--data", "absent.csv", *output])
    assert "Did you mean jester:" in failure(["--data", "jster:train:x", *output])
    with pytest.warns(UserWarning, match="A clip is left out"):
        message = failure(["--data", str(csv), "--workers", "1", *output])
    assert message.startswith("error: More than 10% of 4 clips") and message.endswith("add --retry-failures.")
    assert "shares" in failure(["--data", str(csv), "--split", "0.8,0.3", *output])
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    output = ["--output", str(tmp_path / "others")]
    assert "keras_action[beam]" in failure(["--data", str(csv), *output, "--beam", "--runner=DirectRunner"])


def test_interrupted(tmp_path, monkeypatch):
    csv = tiny.write_videos(tmp_path, per_class=2)
    monkeypatch.setattr("keras_action.data.shards.worker.open_clip", interrupt)
    message = failure(["--data", str(csv), "--output", str(tmp_path / "shards"), "--workers", "1"])
    assert message == f"Interrupted. The same command resumes in {tmp_path / 'shards'}."


def interrupt(*arguments):
    raise KeyboardInterrupt

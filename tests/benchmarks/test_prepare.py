import pytest

from benchmarks import prepare
from tests import tiny


def test_what_all_clips_would_take(monkeypatch):
    monkeypatch.setattr(prepare, "CLIPS", 7200)
    text = str(prepare.Measurement(clips=4, frames=200, num_bytes=2_000_000, core_seconds=2.0, seconds=2.5))
    assert text.splitlines() == [
        "4 clips, 200 frames in 2.5 s: 10.0 kB a frame, 2.0 clips (100 frames) a core and second",
        "7,200 such clips: 4 GB, 1.0 core hours",
    ]


@pytest.mark.parametrize("rendered", [True, False])
def test_the_program_on_a_small_setting(rendered, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(prepare, "SIZE", (48, 86))
    source = [] if rendered else ["--data", str(tiny.write_videos(tmp_path, per_class=1))]
    prepare.main(["--clips", "2", *source])
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("2 clips, 96 frames in ")
    assert last.startswith("220,847 such clips: ")


def test_bad_arguments():
    with pytest.raises(SystemExit, match="Received: 0"):
        prepare.main(["--clips", "0"])
    with pytest.raises(SystemExit, match=r"error: absent\.csv"):
        prepare.main(["--data", "absent.csv"])

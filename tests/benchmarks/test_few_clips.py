import json

import pytest

from benchmarks import few_clips
from tests import tiny


def results(rights, start="motion"):
    clips = [{"path": str(i), "true": "a", "predicted": "a" if right else "b"} for i, right in enumerate(rights)]
    return {"results": clips, "top1": sum(rights) / len(rights), "start": start}


def test_intervals_are_over_runs_and_clips():
    assert few_clips.summarize([results([1, 1]), results([1, 1])]) == (1, 1, 1)
    mean, low, high = few_clips.summarize([results([1] * 60 + [0] * 40)] * 2)
    assert mean == pytest.approx(0.6)
    assert (low, high) == (pytest.approx(0.5, abs=0.03), pytest.approx(0.7, abs=0.03))
    mean, low, high = few_clips.summarize([results([1] * 100), results([0] * 100)])
    assert (mean, low, high) == (0.5, 0, 1)


def test_intervals_are_over_pretrained_models():
    of_x, of_y = [results([0] * 100, "x")] * 30, [results([1] * 100, "y")]
    mean, low, high = few_clips.summarize([*of_x, *of_y])
    assert (mean, low, high) == (0.5, 0, 1)  # of 31 trainings of one model it would be 0.03, up to 0.1
    table = few_clips.make_table({"motion": {0: [*of_x[:2], *of_y]}}).splitlines()
    assert table[-1] == "| motion | all | 2 | 3 | 100 | 50.0% | 0.0% to 100.0% | 0.0%, 0.0%, 100.0% |"


@pytest.mark.usefixtures("eager")
def test_the_program_on_a_small_setting(monkeypatch, tmp_path, capsys):
    tiny.register(monkeypatch)
    csv = str(tiny.write_videos(tmp_path, per_class=4))
    small = ["backbone=tiny", "weights=none", "num_segments=2", "input_size=32", "epochs=1", "frozen_stages=0"]
    small += ["model=tsn"]
    arguments = ["--train", csv, "--val", csv, "--counts", "3", "0", "--seeds", "0", "--output", str(tmp_path / "few")]
    few_clips.main([*arguments, "--set", *small])
    assert "motion, 3 clips a class, seed 0: " in capsys.readouterr().out
    table = (tmp_path / "few" / "few_clips.md").read_text()
    assert "| motion | 3 | 1 | 1 | 8 |" in table and "| motion | all | 1 | 1 | 8 |" in table
    assert set(json.loads((tmp_path / "few" / "few_clips.json").read_text())["motion"]) == {"0", "3"}
    description = json.loads((tmp_path / "few" / "motion" / "3" / "0" / "run.json").read_text())
    assert description["training_set"].startswith("6 clips")


def test_bad_arguments(capsys):
    with pytest.raises(SystemExit, match=r"error: .*absent\.csv"):
        few_clips.main(["--train", "absent.csv", "--output", "out", "--counts", "5"])
    with pytest.raises(SystemExit):
        few_clips.main(["--train", "absent.csv", "--output", "out"])
    assert "without --val, clips must be left" in capsys.readouterr().err

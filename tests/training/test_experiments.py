import json

import pytest

from keras_action.callbacks import read_log
from keras_action.recipes import Recipe
from tests import tiny
from training import experiments


def test_rows_and_seeds(recipes, tmp_path, capsys):
    csv, output = str(tiny.write_videos(tmp_path, per_class=4)), tmp_path / "runs"
    arguments = [
        "table1",
        "--train",
        csv,
        "--val",
        csv,
        "--recipe",
        "tiny",
        "--set",
        "epochs=1",
        "--rows",
        "TSN",
        "ACTION",
    ]
    experiments.main([*arguments, "--seeds", "0", "--output", str(output)])
    assert "Written: " in capsys.readouterr().out
    rows = json.loads((output / "table.json").read_text())
    assert [row["name"] for row in rows] == ["TSN", "ACTION"]
    assert len(read_log(output / "TSN" / "0")) == 1
    assert (output / "curves.png").stat().st_size > 1000
    lines = (output / "table.md").read_text().splitlines()
    assert lines[2].startswith("| TSN |") and lines[3].startswith("| ACTION |")
    before = (output / "ACTION" / "0" / "last.keras").stat().st_mtime_ns
    experiments.main([*arguments, "--seeds", "0", "--output", str(output)])  # again: nothing is trained
    assert (output / "ACTION" / "0" / "last.keras").stat().st_mtime_ns == before


def test_rows_start_from_their_own_models(tmp_path):
    for run in ("TSN/0", "TSN/2", "location_1/1", "location_1/10"):
        (tmp_path / run).mkdir(parents=True)
    assert experiments.start_of(tmp_path, "TSN", 2) == str(tmp_path / "TSN" / "2")
    assert experiments.start_of(tmp_path, "TSN", 1) == str(tmp_path / "TSN" / "0")
    assert experiments.start_of(tmp_path, "location 1", 0) == str(tmp_path / "location_1" / "1")
    nothing = ["table1", "--train", "a.csv", "--val", "b.csv", "--output", str(tmp_path / "new")]
    with pytest.raises(SystemExit, match="error: There is no run of 'TSM' to start from"):
        experiments.main([*nothing, "--rows", "TSM", "--start-from", str(tmp_path)])


@pytest.mark.parametrize("rows", experiments.EXPERIMENTS.values(), ids=experiments.EXPERIMENTS)
def test_all_rows_are_recipes(rows):
    recipes = [Recipe(**fields) for fields in rows.values()]
    assert len(set(map(repr, recipes))) == len(rows)


def test_unknown_row(capsys):
    with pytest.raises(SystemExit):
        experiments.main(["table1", "--train", "a", "--val", "b", "--output", "c", "--rows", "TSNN"])
    assert "Received: TSNN" in capsys.readouterr().err

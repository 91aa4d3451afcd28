import json
import os

import pytest

from benchmarks import conversion
from benchmarks.processes import alone
from tests import tiny


@pytest.fixture
def in_this_process(monkeypatch):
    """The tiny backbone is known in this process only; one run is in its own, which must find the file's layers."""
    pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")
    tiny.register(monkeypatch)

    for name in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.setenv(name, os.environ.get(name, ""))  # restored at the end, as the program sets them

    def run(function, *arguments):
        if arguments[0] == "convert" and "stream" in arguments[1]:
            return alone(function, *arguments)
        return function(*arguments)

    monkeypatch.setattr(conversion, "alone", run)


@pytest.mark.parametrize(("kind", "tools"), [("clip", conversion.TOOLS), ("stream", conversion.TOOLS[1:])])
def test_the_program_on_a_small_setting(in_this_process, kind, tools, tmp_path, capsys):
    setting = f"--backbones tiny --kinds {kind} --clips 2 --num-segments 2 --input-size 32 --rounds 1 --tools"
    conversion.main([*setting.split(), *tools, "--output", str(tmp_path / "out.json")])
    out = capsys.readouterr().out
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows] == [f"tiny, {kind}", "---", *tools]
    assert [rows[-1][place] for place in (2, 4, 6)] == ["1.00"] * 3
    assert "Of `convert`: converter " in out
    assert (tmp_path / "out.md").read_text().strip() == out.strip()
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [result["tool"] for result in results] == list(tools)
    # The same graph: the files are of one size, but for the metadata and checks of edges.
    assert max(run["file_mb"] for run in results) < 1.5 * min(run["file_mb"] for run in results)
    steps = results[-1]["steps"]
    assert set(steps) == {"converter", "calibration", "quantizer"} and sum(steps.values()) < results[-1]["seconds"]
    assert all(run["peak_mb"] >= run["before_mb"] > 0 for run in results)


def run(seconds, peak):
    steps = {"converter": seconds / 2, "calibration": seconds / 4, "quantizer": seconds / 8}
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_mb": peak, "before_mb": 100, "steps": steps}


def test_ratios_are_of_medians_and_the_aim_is_for_time_and_memory():
    results = {"quantizer": [run(1, 200), run(3, 400), run(2, 300)], "convert": [run(3, 360)]}
    lines = conversion.table("tiny", results).splitlines()
    assert lines[2] == "| quantizer | 2.0 | 1.50 | 4.0 | 1.50 | 300 | 1.20 | 100 |"
    assert lines[3] == "| convert | 3.0 | 1.00 | 6.0 | 1.00 | 360 | 1.00 | 100 |"
    assert lines[-1].startswith("Of `convert`: converter 50%, calibration 25%, quantizer 12%, the rest 12%.")
    assert lines[-1].endswith("Aim at most 1.5 × each tool: reached.")
    results["convert"] = [run(2, 460)]
    assert conversion.table("tiny", results).endswith("missed.")


@pytest.mark.parametrize("argument", ["--clips", "--rounds"])
def test_bad_arguments(argument):
    with pytest.raises(SystemExit, match=f"{argument} 0"):
        conversion.main([argument, "0"])

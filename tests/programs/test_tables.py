import csv
import subprocess
import sys
from pathlib import Path

import pytest

from training import tables as program
from training.cost_figure import cost_figure
from training.cost_tables import BACKBONES, Cost, PaperFigures, tables

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--backbones", "mobilenet_v2", "--input-size", "64", "--num-segments", "2", "--num-classes", "5"]


def cells(text, *starts):
    """The cells of the first row of a Markdown table that begins with these."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return next(row for row in rows if tuple(row[: len(starts)]) == starts)


def cost(method, trainable=1000, literal=2_000_000_000, **kwargs):
    macs = {"literal": literal, "training": literal, "inference": 2_000_000_000}
    known = {"num_classes": 83, "features": 9, "full_convolution": 0, "parameters": trainable + 50, "macs": macs}
    return Cost(backbone="resnet50", method=method, trainable=trainable, **{**known, **kwargs})


def test_help_reads_well_and_needs_no_keras():
    code = "import sys, training.tables as p\ntry: p.main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout and "python -m training.tables" in done.stdout
    assert not {"tensorflow", "keras", "jax", "torch", "matplotlib"} & set(done.stdout.split())


def test_the_program_on_a_small_setting(tmp_path, capsys):
    program.main([*SMALL, "--csv", str(tmp_path / "cost.csv"), "--figure", str(tmp_path / "cost.png")])
    out, err = capsys.readouterr()
    assert out.startswith("2 frames of 64 × 64, 5 classes.")
    assert cells(out, "MobileNetV2", "TSM")[3] == "+0 (+0.0 %)"
    assert "(Table 3)" not in out and "ResNet-50" not in out  # the paper's Table 3 is of ResNet-50
    assert "1.69" not in out
    assert err.count("counted: MobileNetV2") == 6

    with open(tmp_path / "cost.csv", newline="", encoding="utf-8") as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert tuple(rows) == program.METHODS
    assert {row["paper_parameters"] for row in rows.values()} == {""}
    extra = {name: int(row["trainable"]) - int(rows["TSN"]["trainable"]) for name, row in rows.items()}
    shifts = extra["STE"] + extra["CE"] + extra["ME"] - extra["ACTION"]  # three models with a shift, and one
    assert shifts > 0 and shifts % 2 == 0
    assert extra["STE"] == shifts // 2 + 10 * 27
    assert int(rows["ME"]["literal"]) > int(rows["ME"]["training"]) > int(rows["ME"]["inference"])
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(tmp_path.iterdir())) == 2


def test_figures_stand_beside_the_papers():
    costs = [cost("TSN"), cost("ACTION", 1200, 2_100_000_000, full_convolution=40)]
    paper = {
        ("resnet50", "TSN"): PaperFigures(classes=83, macs="33"),
        ("resnet50", "ACTION"): PaperFigures(classes=174, parameters="28.08", extra_macs="1.69"),
    }
    setting = {"num_classes": 83, "num_segments": 8, "input_size": 224}
    parameters, macs, *_ = [part for part in tables(costs, setting, paper).split("\n\n") if part.startswith("|")]
    *_, convolutions = tables(costs, setting, paper).split("\n\n")
    with_174 = 1200 + 91 * (9 + 1)
    expected = ["1,200", "+200 (+20.0 %)", "1,250", f"{with_174:,} (174)", "28.08 M"]
    assert cells(parameters, "ResNet-50", "ACTION")[2:] == expected
    assert cells(parameters, "ResNet-50", "TSN")[2:] == ["1,000", "", "1,050", "1,000 (83)", "–"]
    expected = ["2.10 G", "–", "+0.100 G (+5.0 %)", "+1.69 G", "+0.100 G (+5.0 %)", "+0.000 G (+0.0 %)"]
    assert cells(macs, "ResNet-50", "ACTION")[2:] == expected
    assert cells(macs, "ResNet-50", "TSN")[2:] == ["2.00 G", "33 G", "", "", "", ""]
    assert cells(convolutions, "ResNet-50") == ["ResNet-50", "174", f"{with_174:,}", f"{with_174 + 40:,}", "28.08 M"]


def test_the_papers_figures_are_of_models_that_are_counted():
    for backbone, method in program.PAPER:
        assert backbone in BACKBONES and method in program.METHODS


def test_figure_of_one_backbone_without_any_extra():
    figure = cost_figure([cost("TSN"), cost("TSM")], {"resnet50": "ResNet-50"})
    assert len(figure.axes) == 2
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["TSM"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-segments", "0"], "`num_segments` must be a positive integer. Received: num_segments=0"),
        (["--figure", "cost.jpg"], "--figure must end in .png, .svg or .pdf. Received: cost.jpg"),
        (["--backbones", "vgg"], "invalid choice: 'vgg'"),
    ],
)
def test_errors_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as error:
        program.main([*SMALL, *arguments])
    assert error.value.code != 0
    assert message in f"{error.value.code}{capsys.readouterr().err}"


@pytest.mark.slow
def test_the_papers_setting(capsys):
    program.main([])
    out = capsys.readouterr().out
    assert cells(out, "ResNet-50", "TSN")[2] == "23,678,099"
    assert cells(out, "ResNet-50", "ACTION")[2] == "27,895,919"
    assert cells(out, "ResNet-50", "ACTION")[5] == "28,082,378 (174)"
    assert cells(out, "BNInception", "ACTION")[2] == "11,450,819"
    assert cells(out, "MobileNetV2", "ACTION")[2] == "2,355,455"
    # As the paper's text has it, ME's convolution would be full; so it seems to be in its figure for BNInception.
    assert cells(out, "BNInception", "83")[3:] == ["11,591,813", "11.59 M"]

import json

import pytest

from benchmarks import accuracy_speed


@pytest.fixture
def files(tmp_path):
    """Accuracies of three methods; times of clips in two formats, and of streams, in seconds."""
    accuracies = [{"name": name, "mean": mean, "interval": [mean - 0.1, mean + 0.05]} for name, mean in
                  (("TSN", 0.2), ("TSM", 0.9), ("ME", 0.95))]  # fmt: skip
    times = {"TSN": (0.004, 0.005, 0.006), "TSM": (0.006,), "ACTION": (0.007,)}
    setting = {"backbone": "mobilenet_v2", "threads": 1}
    clips = [{**setting, "format": form, "name": name, "wall": [factor * second for second in wall]}
             for form, factor in (("int8", 1), ("float32", 2)) for name, wall in times.items()]  # fmt: skip
    streams = [{**setting, "format": "int8", "name": name, "wall": [0.0005]} for name in ("plain", "ME")]
    contents = {"methods": accuracies, "clips": {"results": clips}, "streams": {"results": streams}}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def test_accuracy_over_milliseconds(files, capsys):
    arguments = [str(files / "methods.json"), "--clips", str(files / "clips.json")]
    arguments += ["--streams", str(files / "streams.json"), "--output", str(files / "picture.png")]
    accuracy_speed.main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| | top-1, mean | 95 % | a clip, ms | a frame of a stream, ms |"
    assert lines[2:5] == [
        "| TSN | 20.0% | 10.0% to 25.0% | 5.00 | 0.50 |",
        "| TSM | 90.0% | 80.0% to 95.0% | 6.00 |  |",
        "| ME | 95.0% | 85.0% to 100.0% |  | 0.50 |",
    ]
    assert (files / "picture.png").stat().st_size > 1000
    accuracy_speed.main([*arguments[:3], "--format", "float32", "--output", str(files / "picture.svg")])
    assert "| TSN | 20.0% | 10.0% to 25.0% | 10.00 |" in capsys.readouterr().out


def test_points_are_where_they_belong(files):
    accuracies = accuracy_speed.read_accuracies(files / "methods.json")
    points = accuracy_speed.collect(accuracies, accuracy_speed.read_times(files / "clips.json", "int8", 1))
    (axes,) = accuracy_speed.make_figure({"a clip": points}).axes
    shown = {bars.get_label(): bars.lines[0].get_xydata()[0] for bars in axes.containers}
    assert list(shown) == [text.get_text() for text in axes.get_legend().get_texts()] == ["TSN", "TSM"]
    assert shown["TSN"] == pytest.approx((5, 0.2)) and shown["TSM"] == pytest.approx((6, 0.9))


def test_methods_of_several_tables(files):
    (files / "more.json").write_text(json.dumps([{"name": "STE", "mean": 0.8, "interval": [0.7, 0.9]}]))
    accuracies = accuracy_speed.read_accuracies(files / "methods.json", files / "more.json")
    assert list(accuracies) == ["TSN", "TSM", "ME", "STE"] and accuracies["STE"] == (0.8, 0.7, 0.9)
    with pytest.raises(ValueError, match=r"Each method must be in one table. Received: .*'TSM', 'ME', 'TSN', 'TSM'"):
        accuracy_speed.read_accuracies(files / "methods.json", files / "methods.json")


def test_a_method_has_one_color_in_all_panels(files):
    accuracies = accuracy_speed.read_accuracies(files / "methods.json")
    panels = {
        name: accuracy_speed.collect(accuracies, accuracy_speed.read_times(files / f"{name}.json", "int8", 1))
        for name in ("clips", "streams")
    }
    colors = {}
    for axes in accuracy_speed.make_figure(panels).axes:
        for bars in axes.containers:
            colors.setdefault(bars.get_label(), set()).add(bars.lines[0].get_color())
    assert [len(color) for color in colors.values()] == [1] * 3
    assert len(set.union(*colors.values())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--clips, --streams or both are needed"),
        (["--clips", "absent.json"], "absent.json"),
        (["--clips", "CLIPS", "--threads", "2"], "times of one backbone in format int8 with 2 threads"),
    ],
)
def test_errors(files, arguments, message, capsys):
    arguments = [str(files / "clips.json") if word == "CLIPS" else word for word in arguments]
    with pytest.raises(SystemExit) as error:
        accuracy_speed.main([str(files / "methods.json"), *arguments])
    assert message in f"{error.value.code}{capsys.readouterr().err}"

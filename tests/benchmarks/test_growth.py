import pytest

from benchmarks import growth
from tests import tiny


@pytest.fixture
def in_this_process(monkeypatch):
    """The tiny backbone is known in this process only."""
    pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    tiny.register(monkeypatch)
    monkeypatch.setattr(growth, "alone", lambda function, *arguments: function(*arguments))


SETTING = (
    "--backbone tiny --num-segments 2 4 --input-sizes 32 --side 32 --streams 1 2 --seconds 0.05 --minutes 2 --output"
)


def test_the_program_on_a_small_setting(in_this_process, monkeypatch, tmp_path, capsys):
    growth.main([*SETTING.split(), str(tmp_path)])
    out = capsys.readouterr().out
    points = growth.Points(tmp_path / "tiny.csv").all
    assert [(point.part, point.series, point.x) for point in points] == [
        ("frames", "clip", 2),
        ("frames", "clip", 4),
        ("size", "clip", 32),
        ("size", "step of a stream", 32),
        *(("streams", mode, count) for count in (1, 2) for mode in growth.MODES),
        ("hour", "recogniser", 1),
        ("hour", "recogniser", 2),
    ]
    assert all(point.milliseconds > 0 and point.milliseconds_90 > 0 for point in points)
    assert all(point.per_second > 0 and point.memory_mb > 10 for point in points)
    (one, two) = (point for point in points if point.series == growth.PROCESSES)
    assert two.memory_mb > 1.5 * one.memory_mb
    assert (tmp_path / "tiny.md").read_text().strip() == out.strip()
    assert (tmp_path / "tiny.png").read_bytes().startswith(b"\x89PNG")

    # Interrupted before the last part, it measures that part alone.
    kept = growth.Points(tmp_path / "tiny.csv")
    kept.add(growth.Point("frames", "clip", 2, 1.0, 2.0, 3.0, 4.0))
    lines = (tmp_path / "tiny.csv").read_text().splitlines(keepends=True)
    (tmp_path / "tiny.csv").write_text("".join(line for line in lines if not line.startswith("hour,recogniser,2,")))
    calls = []
    monkeypatch.setattr(growth, "alone", lambda function, *args: calls.append(function.__name__) or function(*args))
    growth.main([*SETTING.split(), str(tmp_path)])
    assert calls == ["recognize_minutes"]
    again = growth.Points(tmp_path / "tiny.csv").all
    assert len(again) == len(points) and growth.Point("frames", "clip", 2, 1.0, 2.0, 3.0, 4.0) in again


def test_points_of_times():
    times = [0.001, 0.002, 0.003, 0.01]
    point = growth.Point.of("streams", growth.PROCESSES, 4, times, 0.5, 64.25)
    assert (point.milliseconds, point.per_second, point.memory_mb) == (4.0, 8.0, 64.25)  # the mean
    assert growth.Point.of("hour", "recogniser", 4, times, 0.5, 64.25).milliseconds == 2.5  # the median
    assert growth.Point.of("hour", "recogniser", 4, [0.001 * i for i in range(1, 10)], 0.5, 1.0).milliseconds_90 == 9
    assert growth.Point.of("frames", "clip", 8, [0.1], 0.1, 1.0).milliseconds_90 == 100


def test_in_turn_a_step_takes_as_long_as_those_of_all_streams(monkeypatch):
    now = [0.0]

    def step():
        now[0] += 0.25

    monkeypatch.setattr(growth, "_open", lambda path: step)
    monkeypatch.setattr(growth.time, "perf_counter", lambda: now[0])
    times, seconds, _ = growth.time_streams("file", 2, growth.IN_TURN, 1)
    assert (times, seconds) == ([0.5] * 4, 1)  # four steps, two of each stream


def test_the_table_of_the_hour_is_short():
    points = [growth.Point("hour", "recogniser", i, 1.0, 2.0, 3.0, 4.0) for i in range(1, 61)]
    rows = growth.table(points).splitlines()[2:]
    assert len(rows) == 11 and rows[0].startswith("| 1 | recogniser | 1.00 | 2.00 | 3.0 | 4 |")
    assert rows[-1].startswith("| 60 |")
    assert growth.table([]) == ""


@pytest.mark.parametrize("argument", ["--streams", "--minutes", "--seconds"])
def test_bad_arguments(argument, tmp_path):
    with pytest.raises(SystemExit, match=f"{argument} must be positive. Received: 0"):
        growth.main(["--output", str(tmp_path), argument, "0"])

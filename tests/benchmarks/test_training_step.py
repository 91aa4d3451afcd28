import pytest

from benchmarks import training_step
from tests import tiny


def test_times_are_taken_in_turn_and_compared_within_a_round(monkeypatch):
    ticks = {"TSN": [1, 1, 2, 4], "ACTION": [1, 1, 4, 6]}  # the first two calls of each warm up
    now, order = [0.0], []
    monkeypatch.setattr(training_step.time, "perf_counter", lambda: now[0])

    def call(name):
        def run():
            order.append(name)
            now[0] += ticks[name][order.count(name) - 1]

        return run

    timings = training_step.time_in_turn({name: call(name) for name in ticks}, rounds=2)
    assert order == ["TSN", "TSN", "ACTION", "ACTION", "TSN", "ACTION", "TSN", "ACTION"]
    assert timings["TSN"].seconds == (2, 4)
    assert timings["ACTION"].seconds == (4, 6)
    assert timings["ACTION"].milliseconds == 5000
    assert timings["ACTION"].ratio() == pytest.approx((4 / 2 + 6 / 4) / 2)
    lines = training_step.table("tiny", "training", timings).splitlines()
    assert lines[2] == "| TSN | 3000 | 1.00 | 1.00 to 1.00 |"
    assert lines[3] == "| ACTION | 5000 | 1.75 | 1.55 to 1.95 |"


def test_the_program_on_a_small_setting(monkeypatch, capsys):
    tiny.register(monkeypatch)
    setting = "--methods shift --kinds inference --rounds 1 --batch-size 1 --num-segments 2 --input-size 32"
    training_step.main(["--backbones", "tiny", *setting.split()])
    out = capsys.readouterr().out
    assert "tiny, inference" in out
    assert [line.split()[1] for line in out.splitlines() if line.startswith(("| TSN", "| shift"))] == ["TSN", "shift"]


def test_bad_rounds():
    with pytest.raises(SystemExit, match="Received: 0"):
        training_step.main(["--rounds", "0"])


def test_unknown_backbone_in_one_line():
    with pytest.raises(SystemExit, match="Received: backbone='vgg'"):
        training_step.main(["--backbones", "vgg"])

import re

import pytest

from training import demo


@pytest.mark.slow
def test_the_whole_way_leaves_a_report(tmp_path, capsys, monkeypatch):
    """Too short a training to recognise anything; that it does, at full length, is in docs/results.md."""
    monkeypatch.setattr(demo, "NUM_STREAMS", 2)
    monkeypatch.setattr(demo, "STREAM", demo.STREAM[:4])
    few_steps = ["epochs=1", "num_segments=8", "input_size=48"]
    demo.main(["--output", str(tmp_path), "--clips-per-class", "4", "--set", *few_steps])
    out = capsys.readouterr().out
    assert re.search(r"\d+ of 4 gestures", out)
    page = (tmp_path / "report.html").read_text()
    # The gestures; confusion matrix and curves of both models; the timeline of the stream.
    assert page.count("data:image/png;base64,") == 6
    assert "TSN" in page and "ACTION-Net" in page and "http" not in page.replace("http://www.w3.org", "")
    for name in ("gesture_int8.tflite", "gesture_float32.tflite", "stream.mp4", "tsn/evaluation.json"):
        assert (tmp_path / name).stat().st_size > 0

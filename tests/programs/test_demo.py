import re

import pytest

from training import demo


@pytest.mark.slow
def test_the_whole_way_leaves_a_report(tmp_path, capsys):
    """Too short a training to recognise anything; that it does, at full length, is in docs/results.md."""
    demo.main(["--output", str(tmp_path), "--clips-per-class", "8", "--set", "epochs=1"])
    out = capsys.readouterr().out
    assert re.search(r"\d+ of 16 gestures", out)
    page = (tmp_path / "report.html").read_text()
    # The gestures; confusion matrix and curves of both models; the timeline of the stream.
    assert page.count("data:image/png;base64,") == 6
    assert "TSN" in page and "ACTION-Net" in page and "http" not in page.replace("http://www.w3.org", "")
    for name in ("gesture_int8.tflite", "gesture_float32.tflite", "stream.mp4", "tsn/evaluation.json"):
        assert (tmp_path / name).stat().st_size > 0

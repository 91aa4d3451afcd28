import importlib.util

import numpy as np
import pytest

from benchmarks import data, torch_loader

pytest.importorskip("av", reason="PyAV is not installed")


def test_ratios_are_medians_of_those_of_each_round():
    ceiling = [(100, 0.002), (200, 0.002), (400, 0.004)]
    rates = {"ceiling, JPEG": ceiling, "shards": [(90, 0.004), (100, 0.0025), (300, 0.005)], "mp4": [(6, 0.1)]}
    lines = data.table(rates).splitlines()
    assert lines[2:] == [
        "| ceiling, JPEG | 200 |  |  | 2.00 |  |",
        "| shards | 100 | 0.75 |  | 4.00 | 0.80 |",
        "| mp4 | 6 |  |  | 100.00 |  |",
    ]
    rates["PyTorch, Pillow, frame folders"] = [(30, 0), (50, 0), (100, 0)]
    lines = data.table(rates).splitlines()
    assert lines[3] == "| shards | 100 | 0.75 | 3.00 | 4.00 | 0.80 |"
    assert lines[5] == "| PyTorch, Pillow, frame folders | 50 |  |  |  |  |"


def test_batches_that_were_ready_do_not_count(monkeypatch):
    now, read = [0.0], []
    monkeypatch.setattr(data.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(data.time, "process_time", lambda: 3 * now[0])

    def batches():
        while True:
            now[0] += 0 if len(read) < 6 else 0.5
            read.append(1)
            yield

    assert data.measure(batches(), batch_size=4, seconds=3, warmup=6) == pytest.approx((8, 3 / 8))


def test_opencv_is_hidden():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    with data.without_opencv(), pytest.raises(ImportError):
        import cv2
    import cv2 as again

    assert again is cv2


def test_the_program_on_a_small_setting(monkeypatch, capsys):
    make_loader = torch_loader.make_loader  # its processes take longer than all the rest
    monkeypatch.setattr(
        torch_loader, "make_loader", lambda *args, workers, **options: make_loader(*args, **options, workers=0)
    )
    setting = "--clips 2 --rounds 1 --seconds 0.01 --batch-size 2 --num-segments 2 --input-size 32 --epochs 2"
    data.main(setting.split())
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}
    if importlib.util.find_spec("cv2"):
        assert {"shards, TensorFlow's resize", "frame folders, TensorFlow's resize"} <= set(rows)
    assert {"ceiling, JPEG", "shards", "frame folders", "ceiling, mp4", "mp4"} <= set(rows)
    assert len(lines[-1].split(":")[1].split(",")) == 2
    assert "80 frames of" in lines[0]


def test_the_loader_that_is_compared_with(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for number in range(4):
        (tmp_path / "clip").mkdir(exist_ok=True)
        image.fromarray(np.full((40, 50, 3), 255, np.uint8)).save(tmp_path / "clip" / f"{number}.jpg")
    batch = next(iter(torch_loader.make_loader([str(tmp_path / "clip")] * 2, 2, 32, batch_size=2, workers=0)))
    assert batch.shape == (2, 6, 32, 32) and batch.dtype == torch.float32
    np.testing.assert_allclose(batch[0, :3, 0, 0], [2.2489, 2.4286, 2.64], atol=1e-3)  # white

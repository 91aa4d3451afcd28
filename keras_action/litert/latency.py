"""The latency of LiteRT files."""

import dataclasses
import time

import numpy as np

from keras_action.litert.file import LiteRTFile
from keras_action.litert.model import LiteRTModel
from keras_action.litert.stream import LiteRTStream
from keras_action.utils.text import counted


@dataclasses.dataclass(frozen=True)
class LatencyReport:
    """The latency of a clip or a frame.

    Args:
        median_ms: Median in milliseconds.
        low_ms: 10th percentile.
        high_ms: 90th percentile.
        runs: Number of runs.
        num_threads: Number of threads.
        unit: `"clip"`, or `"frame"` of a streaming file.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    runs: int
    num_threads: int
    unit: str = "clip"

    def __str__(self):
        spread = f"{self.low_ms:.1f} – {self.high_ms:.1f}"
        return (
            f"{self.median_ms:.1f} ms a {self.unit} ({spread}, {self.runs} runs, {counted(self.num_threads, 'thread')})"
        )


def benchmark(path, num_threads=1, runs=50, warmup=5):
    """Measures the latency of a LiteRT file, for a clip or, of a streaming file, a frame of random pixels.

    Args:
        path: Path of the `.tflite` file, or a `LiteRTFile`.
        num_threads: Number of threads.
        runs: Number of runs that are timed.
        warmup: Number of runs before them.

    Returns:
        A `LatencyReport`.

    Raises:
        ValueError: If `runs` is not positive, or as `LiteRTModel` does.
    """
    if runs < 1 or warmup < 0:
        raise ValueError(f"`runs` must be positive, `warmup` 0 or more. Received: runs={runs}, warmup={warmup}")
    file = LiteRTFile.read(path)
    model = (LiteRTStream if file.is_streaming else LiteRTModel)(file, num_threads)
    shape = (1, *(model.frame_shape if file.is_streaming else model.input_shape[1:]))
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(model.dtype)
    times = []
    for _ in range(warmup + runs):
        start = time.perf_counter()
        model(pixels)
        times.append((time.perf_counter() - start) * 1000)
    unit = "frame" if file.is_streaming else "clip"
    low, median, high = np.percentile(times[warmup:], [10, 50, 90])
    return LatencyReport(float(median), float(low), float(high), runs, num_threads, unit)

"""How long a LiteRT file takes for a clip, or a streaming one for a frame, on this machine."""

import dataclasses
import time

import numpy as np

from keras_action.litert.metadata import read_file
from keras_action.litert.model import LiteRTModel
from keras_action.litert.signature import takes_frames
from keras_action.litert.stream import LiteRTStream


@dataclasses.dataclass(frozen=True)
class LatencyReport:
    """The time one clip takes, or one frame.

    Args:
        median_ms: Half of the runs took no longer, in milliseconds.
        low_ms: A tenth of the runs took no longer.
        high_ms: Nine tenths of the runs took no longer.
        runs: The number of runs.
        num_threads: The number of threads.
        unit: `"clip"`, or `"frame"` of a streaming file.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    runs: int
    num_threads: int
    unit: str = "clip"

    def __str__(self):
        threads = f"{self.num_threads} thread{'' if self.num_threads == 1 else 's'}"
        spread = f"{self.low_ms:.1f} – {self.high_ms:.1f}"
        return f"{self.median_ms:.1f} ms a {self.unit} ({spread}, {self.runs} runs, {threads})"


def benchmark(path, num_threads=1, runs=50, warmup=5):
    """Time a LiteRT file on one clip of random pixels, or a streaming file on one frame.

    Args:
        path: The `.tflite` file.
        num_threads: The number of threads that the interpreter may use.
        runs: How many runs are timed.
        warmup: How many are run before and not timed.

    Returns:
        A `LatencyReport`.

    Raises:
        ValueError: If `runs` is not positive, or as `LiteRTModel` does.
    """
    if runs < 1 or warmup < 0:
        raise ValueError(f"`runs` must be positive, `warmup` 0 or more. Received: runs={runs}, warmup={warmup}")
    streaming = takes_frames(read_file(path))
    model = LiteRTStream(path, num_threads) if streaming else LiteRTModel(path, num_threads)
    shape = (1, *(model.frame_shape if streaming else model.input_shape[1:]))
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(model.dtype)
    times = []
    for _ in range(warmup + runs):
        start = time.perf_counter()
        model(pixels)
        times.append((time.perf_counter() - start) * 1000)
    unit = "frame" if streaming else "clip"
    low, median, high = np.percentile(times[warmup:], [10, 50, 90])
    return LatencyReport(float(median), float(low), float(high), runs, num_threads, unit)

"""Measure what it takes to turn a data set of WebM clips into shards, and work out what all of it would take.

examples:
  python -m benchmarks.prepare
  python -m benchmarks.prepare --data videos.csv --clips 200 --workers 2

The clips are made first, which is not timed: VP9, with the size, length, frame rate and bit rate of the clips of
Something-Something V2, from rendered gestures or from videos of one's own. Each is prepared as `training.prepare` does.
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arguments import benchmark_parser
from benchmarks.training_step import note
from keras_action.programs.arguments import DATA_FORMS

# Something-Something V2: clips, mean length, frame rate, size, and bits a second, which make 19.4 GB of videos.
CLIPS, SECONDS, FPS, SIZE, BIT_RATE = 220_847, 4.03, 12, (240, 427), 175_000


@dataclass(frozen=True)
class Measurement:
    """What one preparation took, and what `CLIPS` clips would.

    Args:
        clips: Number of clips.
        frames: Number of frames.
        num_bytes: Bytes of the shards.
        core_seconds: Seconds for which cores were busy, all together.
        seconds: Seconds by the clock.
    """

    clips: int
    frames: int
    num_bytes: int
    core_seconds: float
    seconds: float

    def __str__(self):
        total_bytes, total_seconds = CLIPS * self.num_bytes / self.clips, CLIPS * self.core_seconds / self.clips
        return (
            f"{self.clips} clips, {self.frames} frames in {self.seconds:.1f} s: "
            f"{self.num_bytes / self.frames / 1000:.1f} kB a frame, "
            f"{self.clips / self.core_seconds:.1f} clips ({self.frames / self.core_seconds:.0f} frames) a core and "
            f"second\n{CLIPS:,} such clips: {total_bytes / 1e9:.0f} GB, {total_seconds / 3600:.1f} core hours"
        )


def write_webm(path, frames):
    """Writes uint8 frames (H, W, 3) as a VP9 video of `FPS` and `BIT_RATE`."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=FPS)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", BIT_RATE
        stream.options = {"deadline": "good", "cpu-used": "5"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def make_clips(folder, count, source=None):
    """Writes WebM clips.

    Args:
        folder: Where to.
        count: How many.
        source: `Annotations` from which they are taken, evenly; None for rendered gestures.

    Returns:
        An `Annotations`.
    """
    import numpy as np

    from keras_action import data

    num_frames, clips = round(SECONDS * FPS), []
    for i in range(count):
        label = data.SYNTHETIC_GESTURES[i % len(data.SYNTHETIC_GESTURES)]
        if source is None:
            frames = data.render_gesture(label, seed=i, num_frames=num_frames, size=SIZE)
        else:
            clip = source.clips[i * len(source) // count]
            clip = data.open_clip(clip)
            frames = _fill(clip.read(np.linspace(0, clip.num_frames - 1, num_frames).round().astype(int)))
        path = Path(folder) / f"{i}.webm"
        write_webm(path, frames)
        clips.append(data.Clip(str(path), label))
        note(f"made {i + 1} of {count} clips")
    return data.Annotations(tuple(clips), data.SYNTHETIC_GESTURES)


def _fill(frames):
    """Frames (T, H, W, 3), scaled and cut to fill `SIZE`."""
    import tensorflow as tf

    scale = max(side / own for side, own in zip(SIZE, frames.shape[1:3], strict=True))
    sides = [max(side, round(own * scale)) for side, own in zip(SIZE, frames.shape[1:3], strict=True)]
    scaled = tf.image.resize(frames, sides, method="bicubic", antialias=True)
    scaled = tf.cast(tf.clip_by_value(tf.round(scaled), 0, 255), tf.uint8).numpy()
    top, left = (own - side for own, side in zip(sides, SIZE, strict=True))
    return scaled[:, top // 2 : top // 2 + SIZE[0], left // 2 : left // 2 + SIZE[1]]


def measure(annotations, folder, workers=1, quality=90):
    """Turns clips into shards; a `Measurement`. With several workers, their start counts too."""
    from keras_action import data

    wall, busy = time.perf_counter(), _core_seconds()
    report = data.write_shards(annotations, folder, workers=workers, quality=quality, progress=False)
    wall, busy = time.perf_counter() - wall, _core_seconds() - busy
    return Measurement(report.num_clips, report.num_frames, report.num_bytes, busy, wall)


def _core_seconds():
    """What this process and those that it started have used so far: another's load does not count."""
    return sum(os.times()[:4])


def make_parser():
    parser = benchmark_parser("prepare", __doc__)
    parser.add_argument("--data", help=f"videos to make the clips from (default: rendered): {DATA_FORMS}")
    parser.add_argument("--clips", type=int, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--quality", type=int, default=90, metavar="N", help="of the JPEGs (default: 90)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if arguments.clips < 1:
        sys.exit(f"--clips must be at least 1. Received: {arguments.clips}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action import data

    try:
        source = data.read_data_set(arguments.data, allow_empty_classes=True) if arguments.data else None
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    with tempfile.TemporaryDirectory() as folder:
        annotations = make_clips(folder, arguments.clips, source)
        note("")
        print(measure(annotations, Path(folder) / "shards", arguments.workers, arguments.quality))


if __name__ == "__main__":
    main()

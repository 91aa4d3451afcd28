"""Clips a second from shards, frame folders and videos, against a bare decoder and a PyTorch loader, on this machine.

examples:
  python -m benchmarks.data
  python -m benchmarks.data --data clips.csv --rounds 10
  python -m benchmarks.data --epochs 3   (memory, too)

All are measured in turn in each round, each alone, so that what else the machine does falls on all of them; a ratio
is the median of the rounds' own ratios. Processor time is that of this process, all threads together: where the machine
has other work, it says more than clips a second. The ceiling decodes the same frames with as many threads and does
nothing else: JPEGs with tf.io.decode_jpeg, videos with PyAV from their beginning. The PyTorch loader does what the
released code of TSM and ACTION-Net does, with Pillow and as many processes. Without --data the clips are generated
ones, 340 x 256, with a camera's noise on them.
"""

import contextlib
import importlib.util
import itertools
import os
import platform
import sys
import tempfile
import time
import unittest.mock
from pathlib import Path

import numpy as np

from benchmarks import torch_loader
from benchmarks.arguments import add_input_size, add_num_segments, benchmark_parser
from benchmarks.training_step import note

_NOISE = 5.0  # grey levels: as many bits a pixel in a JPEG as in frames of the EgoGestAR videos
_LABEL = "clip"


def write_clips(folder, num_clips=48, num_frames=40, size=(256, 340), fps=12):
    """Writes generated clips with noise as videos; returns their `Annotations`."""
    from keras_action.data import SYNTHETIC_GESTURES, Annotations, Clip, render_gesture, write_video

    clips, rng = [], np.random.default_rng(0)
    for i in range(num_clips):
        path = Path(folder) / f"{i}.mp4"
        frames = render_gesture(SYNTHETIC_GESTURES[i % len(SYNTHETIC_GESTURES)], i, num_frames, size)
        noisy = (np.clip(frame + rng.normal(0, _NOISE, frame.shape), 0, 255).astype(np.uint8) for frame in frames)
        write_video(path, noisy, fps=fps, crf=18)
        clips.append(Clip(str(path), _LABEL))
        note(f"{i + 1} of {num_clips} clips generated")
    return Annotations(tuple(clips), (_LABEL,))


def write_folders(annotations, folder):
    """Writes each clip as a frame folder, at most 256 pixels high, as people do with FFmpeg; returns `Annotations`."""
    import tensorflow as tf

    from keras_action.data import Annotations, Clip, open_clip

    clips = []
    for number, clip in enumerate(annotations.clips):
        path = Path(folder) / str(number)
        path.mkdir()
        for place, frame in enumerate(open_clip(clip).read(short_side=256), start=1):
            (path / f"{place:05}.jpg").write_bytes(tf.io.encode_jpeg(frame, quality=90).numpy())
        clips.append(Clip(str(path), clip.label))
        note(f"{number + 1} of {len(annotations)} frame folders written")
    return Annotations(tuple(clips), annotations.labels)


def jpeg_ceiling(folders, num_segments, threads):
    """The decoder alone: all of the middle frames of one clip after the other."""
    import tensorflow as tf

    files = []
    for clip in folders.clips:
        names = sorted(os.listdir(clip.path))
        files.append([os.path.join(clip.path, names[i]) for i in middle_frames(len(names), num_segments)])
    files = tf.constant(files)

    def decode(index):
        pictures = [tf.io.decode_jpeg(tf.io.read_file(file), channels=3) for file in tf.unstack(files[index])]
        return tf.stack([picture[0, 0] for picture in pictures])  # all are decoded, no more is done with them

    dataset = tf.data.Dataset.range(len(folders)).repeat()
    return dataset.map(decode, num_parallel_calls=threads)


def video_ceiling(annotations, num_segments, threads):
    """The same with PyAV: the middle frames in RGB, at the videos' own size."""
    import av
    import tensorflow as tf

    def decode(index):
        with av.open(annotations.clips[index].path) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            wanted = set(middle_frames(stream.frames, num_segments))
            for place, frame in enumerate(itertools.islice(container.decode(stream), max(wanted) + 1)):
                if place in wanted:
                    frame.to_ndarray(format="rgb24")
        return np.int64(index)

    dataset = tf.data.Dataset.range(len(annotations)).repeat()
    return dataset.map(
        lambda index: tf.numpy_function(decode, (index,), tf.int64, stateful=False), num_parallel_calls=threads
    )


def middle_frames(num_frames, num_segments):
    from keras_action.data import sample_segments

    return sample_segments(num_frames, num_segments).tolist()


def jpeg_part(folders, num_segments, size, threads, scaled):
    """What a part of the pipeline costs: crops alone are decoded, and scaled or not; no Python is involved."""
    import tensorflow as tf

    from keras_action.data.crops import corner_window
    from keras_action.data.jpeg import JpegHeads, decode_window
    from keras_action.data.sources import open_clip

    sources, heads = [open_clip(clip) for clip in folders.clips], JpegHeads()
    read = [source.read_jpegs(middle_frames(source.num_frames, num_segments), heads) for source in sources]
    jpegs = tf.constant([content for content, _ in read])
    spaces = tf.constant([space for _, space in read])

    def decode(index):
        offset, crop = corner_window(spaces[index], (size, size), tf.stack([tf.cast(index, tf.int32), 0]))
        if scaled:
            return decode_window(jpegs[index], offset, crop, (size, size))
        window = tf.concat([offset, crop], 0)
        pictures = [tf.io.decode_and_crop_jpeg(jpeg, window, channels=3) for jpeg in tf.unstack(jpegs[index])]
        return tf.stack([picture[0, 0] for picture in pictures])

    return tf.data.Dataset.range(len(folders)).repeat().map(decode, num_parallel_calls=threads)


def measure(batches, batch_size, seconds, warmup=6):
    """Reads for some seconds, after some batches that were ready already.

    Returns clips a second, and seconds of processor time a clip.
    """
    iterator = iter(batches)
    for _ in range(warmup):
        next(iterator)
    start, processor, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        count += batch_size
    return count / (time.perf_counter() - start), (time.process_time() - processor) / count


@contextlib.contextmanager
def without_opencv():
    """Hides OpenCV from the data sets that are made in the context."""
    with unittest.mock.patch.dict(sys.modules, {"cv2": None}):
        yield


def make_loaders(videos, folders, shards, settings, threads):
    """Functions that make the batches of each row of the table."""
    from keras_action.data import training_dataset

    batch_size, num_segments, size = (settings[name] for name in ("batch_size", "num_segments", "input_size"))

    def batched(dataset):
        return dataset.batch(batch_size).prefetch(2)

    @without_opencv()
    def by_tensorflow(annotations):
        return training_dataset(annotations, **settings)

    loaders = {
        "ceiling, JPEG": lambda: batched(jpeg_ceiling(folders, num_segments, threads)),
        "only crops, JPEG": lambda: batched(jpeg_part(folders, num_segments, size, threads, scaled=False)),
        "crops, scaled, JPEG": lambda: batched(jpeg_part(folders, num_segments, size, threads, scaled=True)),
        "shards": lambda: training_dataset(shards, **settings),
        "frame folders": lambda: training_dataset(folders, **settings),
        "shards, TensorFlow's resize": lambda: by_tensorflow(shards),
        "frame folders, TensorFlow's resize": lambda: by_tensorflow(folders),
        "ceiling, mp4": lambda: batched(video_ceiling(videos, num_segments, threads)),
        "mp4": lambda: training_dataset(videos, **settings),
    }
    if importlib.util.find_spec("cv2") is None:
        loaders = {name: make for name, make in loaders.items() if "TensorFlow's" not in name}
    if torch_loader.is_there():
        loaders[_PYTORCH] = lambda: torch_loader.make_loader(
            [clip.path for clip in folders.clips], num_segments, size, batch_size, workers=threads
        )
    return loaders


_PYTORCH = "PyTorch, Pillow, frame folders"
# Row → the rows that it is compared with.
_COMPARED = {
    "only crops, JPEG": ("ceiling, JPEG",),
    "crops, scaled, JPEG": ("ceiling, JPEG",),
    "shards": ("ceiling, JPEG", _PYTORCH),
    "frame folders": ("ceiling, JPEG", _PYTORCH),
    "shards, TensorFlow's resize": ("ceiling, JPEG", _PYTORCH),
    "frame folders, TensorFlow's resize": ("ceiling, JPEG", _PYTORCH),
    "mp4": ("ceiling, mp4",),
}


def table(rates):
    """A Markdown table of clips a second, of processor time, and of ratios.

    Args:
        rates: For each row a list of rounds: pairs of clips a second and seconds of processor time a clip.
    """
    lines = [
        "| | clips/s | of its ceiling | of PyTorch's | processor, ms a clip | ceiling's of it |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, rounds in rates.items():
        bases = {base.partition(",")[0]: rates[base] for base in _COMPARED.get(name, ()) if base in rates}
        cells = [
            f"{np.median([rate for rate, _ in rounds]):.0f}",
            _median_ratio((own[0], base[0]) for own, base in zip(rounds, bases.get("ceiling", ()), strict=False)),
            _median_ratio((own[0], base[0]) for own, base in zip(rounds, bases.get("PyTorch", ()), strict=False)),
            # The processes of the PyTorch loader are not counted.
            "" if name == _PYTORCH else f"{1000 * np.median([seconds for _, seconds in rounds]):.2f}",
            _median_ratio((base[1], own[1]) for own, base in zip(rounds, bases.get("ceiling", ()), strict=False)),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _median_ratio(pairs):
    ratios = [numerator / denominator for numerator, denominator in pairs]
    return f"{np.median(ratios):.2f}" if ratios else ""


def memory_after_epochs(annotations, settings, epochs):
    """Megabytes of resident memory after each epoch of training batches."""
    from keras_action.data import steps_per_epoch, training_dataset

    steps = steps_per_epoch(len(annotations), settings["batch_size"])
    iterator, values = iter(training_dataset(annotations, **settings)), []
    for _ in range(epochs):
        for _ in range(steps):
            next(iterator)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        values.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    return values


def make_parser():
    parser = benchmark_parser("data", __doc__)
    parser.add_argument("--data", metavar="SOURCE", help="videos to take: a CSV or a folder of classes")
    parser.add_argument("--clips", type=int, default=48, metavar="N", help="clips to generate or take (default: 48)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="for each row a round (default: 3)")
    parser.add_argument("--batch-size", type=int, default=16, metavar="B", help="clips (default: 16)")
    add_num_segments(parser)
    add_input_size(parser)
    parser.add_argument("--epochs", type=int, default=0, metavar="N", help="measure memory over so many epochs, too")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from keras_action.data import Annotations, read_data_set, read_shards, write_shards

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    settings = {name: getattr(arguments, name) for name in ("batch_size", "num_segments", "input_size")}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("videos", "folders"):
            (Path(folder) / name).mkdir()
        if arguments.data:
            videos = read_data_set(arguments.data)
            videos = Annotations(videos.clips[: arguments.clips], videos.labels)
        else:
            videos = write_clips(Path(folder) / "videos", arguments.clips)
        folders = write_folders(videos, Path(folder) / "folders")
        write_shards(folders, Path(folder) / "shards", workers=1, progress=False)
        shards = read_shards(Path(folder) / "shards")
        sizes = [file.stat().st_size for file in Path(folder, "folders").rglob("*.jpg")]
        opencv = "with" if importlib.util.find_spec("cv2") else "without"
        print(
            f"{threads} threads, Python {platform.python_version()}, {opencv} OpenCV; {len(videos)} clips, "
            f"{len(sizes)} frames of {np.mean(sizes) / 1000:.1f} kB; {settings}; {arguments.rounds} rounds of "
            f"{arguments.seconds:g} s"
        )
        rates = {}
        loaders = make_loaders(videos, folders, shards, settings, threads)
        for number, name in itertools.product(range(arguments.rounds), loaders):
            note(f"round {number + 1} of {arguments.rounds}: {name}")
            rounds = rates.setdefault(name, [])
            rounds.append(measure(loaders[name](), arguments.batch_size, arguments.seconds))
        note("")
        print(f"\n{table(rates)}")
        if arguments.epochs:
            values = memory_after_epochs(shards, settings, arguments.epochs)
            print(f"\nResident memory after each epoch, MB: {', '.join(f'{value:.0f}' for value in values)}")


if __name__ == "__main__":
    main()

"""Synthetic gesture videos: training data without a download.

Eight gestures form pairs, of which one is the other played backwards. The clips of `swipe_left` and `swipe_right` with
the same seed have the same frames, bit for bit, in opposite order. So have their files, as every frame is a key frame.
A model that ignores the order of frames can only guess.
"""

import contextlib
import functools
import itertools
import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np

from keras_action.data.synthetic.drawing import SYNTHETIC_DRAWINGS, DrawingMotion, drawing_corners, drawing_motion
from keras_action.data.synthetic.hand import Hand
from keras_action.data.synthetic.motion import random_motion
from keras_action.data.synthetic.paths import random_paths
from keras_action.data.synthetic.person import Person
from keras_action.data.synthetic.scene import Scene
from keras_action.data.video_writing import write_video
from keras_action.utils.fields import check_choice
from keras_action.utils.files import write_csv
from keras_action.utils.intervals import Interval, intervals_path, write_intervals
from keras_action.utils.processes import run_on_cores

TIME_REVERSED_PAIRS = (
    ("swipe_left", "swipe_right"),
    ("swipe_up", "swipe_down"),
    ("rotate_cw", "rotate_ccw"),
    ("zoom_in", "zoom_out"),
)
SYNTHETIC_GESTURES = (*itertools.chain(*TIME_REVERSED_PAIRS), "none")

KINDS = ("hand", "drawing", "path")
PERFORMERS = ("finger", "person")
_PATH_SEED = 7
_MAX_PATHS = 999

_VERSION = 1  # of the rendered frames; datasets of other versions are not reused
_MIN_SIDE = 32


def render_gesture(label, seed, num_frames=24, size=(120, 160)):
    """Renders one clip of a gesture.

    Directions are those in the image: in `swipe_left` the hand moves from right to left, in `rotate_cw` it turns
    clockwise, in `zoom_in` it grows.

    Args:
        label: One of `SYNTHETIC_GESTURES`.
        seed: Integer, 0 or more. The same label and seed give the same clip. The two labels of a pair give the same
            frames in opposite order.
        num_frames: Number of frames. The gesture takes about two thirds of them.
        size: (height, width) in pixels, each at least 32.

    Returns:
        A uint8 array of shape (num_frames, height, width, 3), RGB.

    Raises:
        ValueError: If the label is unknown, or another argument is out of range.

    Example:

    >>> clip = render_gesture("swipe_left", seed=7)
    >>> clip.shape
    (24, 120, 160, 3)
    >>> bool((clip == render_gesture("swipe_right", seed=7)[::-1]).all())
    True
    """
    forward, backward = _forward_label(label)
    _check_frames(num_frames, size)
    rng = _generator(seed, SYNTHETIC_GESTURES.index(forward))
    renderer = _Renderer(rng, size)
    motion = random_motion(rng, forward, size, in_stream=False)
    frames = renderer.clip(motion, num_frames)
    return np.ascontiguousarray(frames[::-1]) if backward else frames


def render_drawing(label, seed, num_frames=24, size=(120, 160), performer="finger"):
    """Renders one clip of somebody who draws in the air, as first-person gestures are.

    Args:
        label: One of `SYNTHETIC_DRAWINGS`: swipes, shapes, and `none`, where the hand does something else. Names and
            shapes are those of the EgoGestAR gestures.
        seed: Integer, 0 or more. The same label and seed give the same clip.
        num_frames: Number of frames.
        size: (height, width) in pixels, each at least 32.
        performer: Who draws: `"finger"`, a pointing finger as the wearer of a headset sees it, or `"person"`, a person
            who faces the camera, with any of four poses of the hand.

    Returns:
        A uint8 array of shape (num_frames, height, width, 3), RGB.

    Raises:
        ValueError: If the label is unknown, or another argument is out of range.

    Example:

    >>> render_drawing("star", seed=7).shape
    (24, 120, 160, 3)
    """
    if label not in SYNTHETIC_DRAWINGS:
        raise ValueError(f"Unknown drawing; known are {', '.join(SYNTHETIC_DRAWINGS)}. Received: label={label!r}")
    check_choice("performer", performer, PERFORMERS)
    _check_frames(num_frames, size)
    # The numbers after SYNTHETIC_GESTURES and the stream: no two kinds of video share a generator.
    rng = _generator(seed, len(SYNTHETIC_GESTURES) + 1 + list(SYNTHETIC_DRAWINGS).index(label))
    if performer == "person":
        return _render_person(rng, drawing_corners(rng, label), num_frames, size)
    renderer = _Renderer(rng, size, pointing=label != "none" or rng.random() < 0.5)
    motion = drawing_motion(rng, label, size)
    return renderer.clip(motion, num_frames)


def path_labels(num_paths):
    """The classes of a dataset of random paths: `"path_000"`, …, and `"none"`."""
    return (*(f"path_{number:03}" for number in range(num_paths)), "none")


def render_path(label, seed, num_frames=24, size=(120, 160), performer="finger"):
    """Renders one clip of a random path that somebody draws in the air.

    The paths are those of `random_paths`. None of them is similar to one of `SYNTHETIC_DRAWINGS`, that is to a gesture
    of EgoGestAR: a model pretrained on them has learnt to follow motion, but has not seen these gestures.

    Args:
        label: `"path_000"`, `"path_001"`, …, or `"none"`, where the hand does something else.
        seed: Integer, 0 or more. The same label and seed give the same clip.
        num_frames: Number of frames.
        size: (height, width) in pixels, each at least 32.
        performer: Who draws, as of `render_drawing`.

    Returns:
        A uint8 array of shape (num_frames, height, width, 3), RGB.

    Raises:
        ValueError: If the label is unknown, or another argument is out of range.

    Example:

    >>> render_path("path_007", seed=7).shape
    (24, 120, 160, 3)
    """
    check_choice("performer", performer, PERFORMERS)
    if label == "none" and performer == "finger":
        return render_drawing(label, seed, num_frames, size)
    match = re.fullmatch(r"path_(\d{3})", label)
    if not match and label != "none":
        raise ValueError(f'A path is named "path_000", "path_001", …; or "none". Received: label={label!r}')
    _check_frames(num_frames, size)
    number = int(match[1]) if match else _MAX_PATHS
    rng = _generator(seed, len(SYNTHETIC_GESTURES) + 1 + len(SYNTHETIC_DRAWINGS) + number)
    corners = _paths(number + 1)[number] if match else None
    if performer == "person":
        return _render_person(rng, corners, num_frames, size)
    renderer = _Renderer(rng, size, pointing=True)
    return renderer.clip(DrawingMotion(rng, corners, size), num_frames)


def _render_person(rng, corners, num_frames, size):
    scene, person = Scene(rng, size), Person(rng, corners, size)
    times = np.arange(num_frames) / num_frames
    return np.stack([scene.paint(time, i, functools.partial(person.paint, time=time)) for i, time in enumerate(times)])


def _paths(count):
    """At least `count` random paths, the same in every process; a multiple of 64, for the cache."""
    return _cached_paths(-(-count // 64) * 64)


@functools.cache
def _cached_paths(count):
    avoided = [path for path in SYNTHETIC_DRAWINGS.values() if path is not None]
    return random_paths(count, _PATH_SEED, avoided)


def write_synthetic_dataset(
    folder,
    clips_per_class,
    seed=0,
    num_frames=24,
    size=(120, 160),
    fps=12,
    val_share=0.25,
    workers=None,
    progress=None,
    kind="hand",
    labels=None,
    num_paths=60,
    performers=("finger",),
):
    """Writes a dataset of synthetic gesture videos and its annotations.

    `<folder>/train.csv` and `<folder>/val.csv` (columns `path,label`) list mp4 files, in one folder per class. Both
    labels of a pair have the same scenes; each scene is used for training or for validation, not for both. The dataset
    is written whole or not at all. A folder that already contains the same dataset is left unchanged.

    Args:
        folder: Path of the folder. It must not exist, be empty, or contain the dataset of an earlier call with the same
            arguments.
        clips_per_class: Number of clips of each class, for training and validation together; at least 2.
        seed: Integer, 0 or more. The same seed gives the same files.
        num_frames: Number of frames of each clip.
        size: (height, width) of the frames in pixels.
        fps: Frames a second: the clips are `num_frames / fps` seconds long.
        val_share: Share of the clips of each class for validation; at least one clip.
        workers: Number of processes; `None` for one per core, fewer for a small dataset.
        progress: Function called with the numbers of written and of all clips after each clip, or `None`.
        kind: `"hand"` for `SYNTHETIC_GESTURES`, `"drawing"` for `SYNTHETIC_DRAWINGS`, or `"path"` for random paths (see
            `render_path`).
        labels: Some of the labels of this kind; `None` for all. The clips of a label do not depend on the others.
        num_paths: Number of random paths, for `kind="path"`.
        performers: Who draws, in turn, for `kind="drawing"` and `kind="path"`: some of `"finger"`, a pointing finger
            in first-person view, and `"person"`, a person who faces the camera.

    Returns:
        The paths of `train.csv` and `val.csv`.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If the folder contains something else.

    Example:

    ```python
    train_csv, val_csv = write_synthetic_dataset("gestures", clips_per_class=40)
    annotations = read_annotations(train_csv)
    ```
    """
    if clips_per_class < 2:
        raise ValueError(
            f"`clips_per_class` must be at least 2: for training and validation. Received: {clips_per_class}"
        )
    if not 0 < val_share < 1:
        raise ValueError(f"`val_share` must be between 0 and 1. Received: val_share={val_share}")
    check_choice("kind", kind, KINDS)
    _check_frames(num_frames, size)
    if kind == "path" and not 1 <= num_paths <= _MAX_PATHS:
        raise ValueError(f"`num_paths` must be from 1 to {_MAX_PATHS}. Received: num_paths={num_paths}")
    classes = {"hand": SYNTHETIC_GESTURES, "drawing": SYNTHETIC_DRAWINGS, "path": path_labels(num_paths)}
    known = tuple(classes[kind])
    labels = known if labels is None else tuple(labels)
    if not labels or len(set(labels)) < len(labels) or not set(labels) <= set(known):
        raise ValueError(f"`labels` must be of {', '.join(known)}, each once. Received: labels={labels}")
    folder = Path(folder)
    arguments = {
        "version": _VERSION,
        "clips_per_class": clips_per_class,
        "seed": seed,
        "num_frames": num_frames,
        "size": list(size),
        "fps": fps,
        "val_share": val_share,
    }
    if kind != "hand":
        arguments["kind"] = kind
    if kind == "path":
        arguments["num_paths"] = num_paths
    performers = tuple(performers)
    if not performers or not set(performers) <= set(PERFORMERS):
        raise ValueError(f"`performers` must be of {', '.join(PERFORMERS)}. Received: performers={performers}")
    if performers != ("finger",):
        if kind == "hand":
            raise ValueError(
                f'`performers` are for the kinds "drawing" and "path". Received: kind="hand", performers={performers}'
            )
        arguments["performers"] = list(performers)
    if set(labels) != set(known):
        arguments["labels"] = sorted(labels)
    csv_paths = folder / "train.csv", folder / "val.csv"
    if _is_complete(folder, arguments):
        return csv_paths

    scene_seeds = np.random.SeedSequence(_check_seed(seed)).generate_state(clips_per_class).tolist()
    num_val = min(max(1, round(val_share * clips_per_class)), clips_per_class - 1)
    rows = {"train.csv": [], "val.csv": []}
    jobs = []
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        work.chmod(0o755)
        for label in sorted(labels, key=known.index):
            (work / label).mkdir()
            for i, scene_seed in enumerate(scene_seeds):
                path = f"{label}/{label}_{i:04d}.mp4"
                rows["train.csv" if i < clips_per_class - num_val else "val.csv"].append((path, label))
                options = {} if kind == "hand" else {"performer": performers[i % len(performers)]}
                jobs.append((str(work / path), kind, label, scene_seed, num_frames, tuple(size), fps, options))
        _run(jobs, workers, progress)
        for name, content in rows.items():
            write_csv(work / name, ("path", "label"), content)
        (work / "dataset.json").write_text(json.dumps(arguments, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()  # empty, see `_is_complete`
        os.replace(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return csv_paths


def write_synthetic_stream(
    path, seed=0, gestures=None, num_frames=24, size=(120, 160), fps=12, min_pause=1.5, max_pause=3.0
):
    """Writes one long video of several gestures, and a CSV file of their intervals.

    The video shows one hand in front of one background. Gestures are those of `write_synthetic_dataset` with the same
    `num_frames` and `fps`. Before each of them the hand enters the image, after it the hand leaves.

    Args:
        path: Path of the video. The intervals are written to `<path>.csv`, with the columns `label,start,end` in
            seconds.
        seed: Integer, 0 or more.
        gestures: Labels in the order of the gestures; `None` for each of the eight gestures once, in random order.
            `none` is a resting hand, which has no interval.
        num_frames: Number of frames of a clip: gestures last as long as in such a clip.
        size: (height, width) of the frames in pixels.
        fps: Frames a second.
        min_pause: Minimum time between two gestures without a hand in the image, in seconds.
        max_pause: Maximum of this time, in seconds.

    Returns:
        A list of `Interval(label, start, end)`, in seconds and in order of time.

    Raises:
        ValueError: If a label is unknown or a pause is out of range.

    Example:

    ```python
    truth = write_synthetic_stream("stream.mp4", seed=1, gestures=["swipe_left", "zoom_in"])
    ```
    """
    _check_frames(num_frames, size)
    if not 0 <= min_pause <= max_pause:
        raise ValueError(
            f"Pauses must be 0 <= min_pause <= max_pause. Received: min_pause={min_pause}, max_pause={max_pause}"
        )
    rng = _generator(seed, len(SYNTHETIC_GESTURES))
    if gestures is None:
        gestures = rng.permutation([label for label in SYNTHETIC_GESTURES if label != "none"]).tolist()
    renderer = _Renderer(rng, size)

    # Times are in clips. The span of a motion begins when the pause after the one before has passed.
    clip_seconds = num_frames / fps
    now, placed, truth = rng.uniform(min_pause, max_pause) / clip_seconds, [], []
    for label in gestures:
        forward, backward = _forward_label(label)
        motion = random_motion(rng, forward, size, in_stream=True)
        first, last = (1 - motion.span[1], 1 - motion.span[0]) if backward else motion.span
        begin, end = (1 - motion.active[1], 1 - motion.active[0]) if backward else motion.active
        origin = now - first
        placed.append((now, origin + last, origin, backward, motion))
        if label != "none":
            start, stop = ((origin + time) * clip_seconds for time in (begin, end))
            truth.append(Interval(label, round(start, 3), round(stop, 3)))
        now = origin + last + rng.uniform(min_pause, max_pause) / clip_seconds

    def frames():
        for i in range(int(np.ceil(now * num_frames))):
            time, pose = i / num_frames, None
            for begin, end, origin, backward, motion in placed:
                if begin <= time <= end:
                    pose = motion(1 - (time - origin) if backward else time - origin)
            yield renderer.frame(i, time, pose)

    write_video(path, frames(), fps=fps)
    write_intervals(intervals_path(path), truth)
    return truth


class _Renderer:
    """Renders frames of one hand in front of one background."""

    def __init__(self, rng, size, pointing=False):
        self._scene = Scene(rng, size)
        self._hand = Hand(rng, 1.05 * min(size), "pointing" if pointing else None, forearm=pointing)

    def clip(self, motion, num_frames):
        """The frames of a clip; `motion` is a function from time, in clips, to the pose of the hand."""
        return np.stack([self.frame(i, i / num_frames, motion(i / num_frames)) for i in range(num_frames)])

    def frame(self, index, time, pose):
        def paint_hand(image, to_frame, tilt):
            if pose is not None:
                x, y, length, angle = pose
                self._hand.paint(image, *to_frame(x, y), length, angle - tilt)

        return self._scene.paint(time, index, paint_hand)


def _render_to_file(job):
    path, kind, label, seed, num_frames, size, fps, options = job
    render = {"hand": render_gesture, "drawing": render_drawing, "path": render_path}[kind]
    # Key frames of the same quality: the file of a reversed clip decodes to exactly the reversed frames. The blur of
    # predicted frames would reveal the direction.
    write_video(path, render(label, seed, num_frames, size, **options), fps=fps, intra_only=True)


def _run(jobs, workers, progress):
    if workers is None:
        # A process starts in the time of about fifty clips.
        workers = max(1, min(os.cpu_count() or 1, len(jobs) // 50))
    if workers < 1:
        raise ValueError(f"`workers` must be at least 1. Received: workers={workers}")
    with contextlib.closing(run_on_cores(_render_to_file, jobs, workers)) as results:
        for done, _ in enumerate(results, 1):
            if progress:
                progress(done, len(jobs))


def _is_complete(folder, arguments):
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found != arguments:
        what = "something else" if found is None else f"a dataset of {found}"
        raise FileExistsError(
            f"{folder} contains {what}: choose another folder, or delete it first. Received: {arguments}"
        )
    return True


def _forward_label(label):
    """The label whose motion is rendered, and whether its frames are reversed."""
    for forward, backward in TIME_REVERSED_PAIRS:
        if label in (forward, backward):
            return forward, label == backward
    if label not in SYNTHETIC_GESTURES:
        raise ValueError(f"Unknown gesture; known are {', '.join(SYNTHETIC_GESTURES)}. Received: label={label!r}")
    return label, False


def _check_seed(seed):
    if isinstance(seed, bool) or int(seed) != seed or seed < 0:
        raise ValueError(f"`seed` must be an integer of 0 or more. Received: seed={seed!r}")
    return int(seed)


def _generator(seed, stream):
    return np.random.default_rng([_check_seed(seed), stream])


def _check_frames(num_frames, size):
    if num_frames < 1:
        raise ValueError(f"`num_frames` must be at least 1. Received: num_frames={num_frames}")
    if len(size) != 2 or min(size) < _MIN_SIDE:
        raise ValueError(f"`size` must be (height, width), each at least {_MIN_SIDE} pixels. Received: size={size}")

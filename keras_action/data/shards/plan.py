"""The plan of a folder of shards: which clip goes into which shard. It is written first."""

import json
import os
from pathlib import Path

import numpy as np

from keras_action.data.shards.format import MANIFEST, PREPARATION
from keras_action.data.shards.manifest import FORMAT
from keras_action.utils.files import write_whole

_MAX_CLIPS, _MIN_SHARDS = 256, 16
_CLIP_FIELDS = ("label", "start", "end", "frames", "group", "fps")


def make_plan(annotations, short_side, quality, clips_per_shard, seed):
    """The plan, as it is written to the folder."""
    clips = annotations.clips
    if clips_per_shard is None:
        clips_per_shard = max(1, min(_MAX_CLIPS, len(clips) // _MIN_SHARDS))
    paths = [os.path.abspath(clip.path) for clip in clips]
    root = os.path.commonpath({os.path.dirname(path) for path in paths})
    rows = [
        (os.path.relpath(path, root), *(getattr(clip, field) for field in _CLIP_FIELDS))
        for clip, path in zip(clips, paths, strict=True)
    ]
    by_path = {}
    for clip, row in zip(clips, rows, strict=True):
        by_path.setdefault(row[0], []).append((*row, clip.name or _name(row[0], clip)))
    order = np.random.default_rng(seed).permutation(len(by_path))
    groups = list(by_path.values())
    plan = {
        "format": FORMAT,
        "root": root,
        "short_side": short_side,
        "quality": quality,
        "seed": seed,
        "num_shards": -(-len(clips) // clips_per_shard),
        "labels": annotations.labels,
        "clips": [row for i in order for row in groups[i]],
    }
    return json.loads(json.dumps(plan))


def _name(path, clip):
    """The name of a clip: its path in the data set, with its part as a media fragment."""
    if clip.frames is not None:
        return f"{path}#frames={clip.frames[0]},{clip.frames[1]}"
    if clip.start is None and clip.end is None:
        return path
    return f"{path}#t={clip.start or 0:g}" + ("" if clip.end is None else f",{clip.end:g}")


def begin(folder, plan):
    """Writes the plan, or checks that it is the one that was begun in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PREPARATION
    begun = None
    if path.exists():
        try:
            begun = json.loads(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path}: not a plan of shards: {error}") from error
        for key in ("format", "short_side", "quality", "seed", "labels", "clips", "num_shards"):
            if begun.get(key) != plan[key]:
                raise ValueError(
                    f"{folder}: these shards were begun with other clips or settings. Choose another folder, or delete "
                    f"this one. Received: {_difference(key, begun.get(key), plan[key])}"
                )
    if begun != plan:
        write_whole(path, json.dumps(plan))


def _difference(key, old, new):
    if isinstance(old, list) and len(old) != len(new):
        return f"{len(new)} {key}, not {len(old)}"
    if isinstance(old, list):
        old, new = next((a, b) for a, b in zip(old, new, strict=True) if a != b)
    return f"{key}: {new}, not {old}"


def remove_partial(folder):
    """Removes temporary files of a process that was killed."""
    for name in ("shard-*", Path(MANIFEST).stem, Path(PREPARATION).stem):
        for path in folder.glob(f".{name}.*.tmp.*"):
            path.unlink(missing_ok=True)

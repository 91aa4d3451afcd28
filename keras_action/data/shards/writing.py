"""Writes clips as shards, in parallel and resumable, so that training decodes no videos."""

import contextlib
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

from keras_action.data.clips import Clip
from keras_action.data.failures import FailureLog
from keras_action.data.shards.format import CLIPS_SUFFIX, MANIFEST, shard_name
from keras_action.data.shards.manifest import FORMAT, checksum
from keras_action.data.shards.plan import begin, make_plan, remove_partial
from keras_action.data.shards.worker import make_shard
from keras_action.utils.files import write_whole
from keras_action.utils.processes import hide_gpus, run_on_beam, run_on_cores


@dataclass(frozen=True)
class ShardReport:
    """Totals of the shards that `write_shards` wrote."""

    folder: Path
    num_shards: int
    num_clips: int
    num_frames: int
    num_bytes: int
    num_failures: int

    def __str__(self):
        left_out = f"; left out: {self.num_failures}" if self.num_failures else ""
        return (
            f"{self.folder}: {self.num_clips} clips, {self.num_frames} frames, {self.num_bytes / 1e6:.1f} MB in "
            f"{self.num_shards} shards{left_out}"
        )


def write_shards(
    annotations,
    folder,
    *,
    short_side=256,
    quality=90,
    clips_per_shard=None,
    seed=0,
    workers=None,
    beam=None,
    max_failed_share=0.1,
    retry_failures=False,
    progress=True,
):
    """Writes clips as shards: TFRecord files of JPEG frames, from which single frames can be read.

    ```
    folder/shard-00000-of-00012.tfrecord   clips, each a `tf.train.Example`
    folder/shard-00000-of-00012.npy        offset, length, checksum and size of each JPEG in that file
    folder/shard-00000-of-00012.json       the clips, and the checksums of the other two; written last
    folder/manifest.json                   labels, settings, totals, checksums, failures; written last
    folder/preparation.json                the plan, written first
    ```

    An example has the features `frames` (JPEGs), `label` (text), `label_id`, `name`, `height`, `width`, and, if they
    are known, `fps` and `group`. JPEGs of frame folders that are not larger than `short_side` are copied byte for byte,
    unless they are progressive or otherwise unusual. Frames are never enlarged. The same arguments give the same files,
    with any number of workers.

    After an interruption the same call resumes: finished shards are kept. A clip that can't be decoded is left out,
    with a warning. All files appear whole or not at all.

    Args:
        annotations: An `Annotations`.
        folder: The folder to write.
        short_side: Pixels to which the shorter side of larger frames is scaled.
        quality: Quality of the JPEGs, from 1 to 100.
        clips_per_shard: Clips in a shard; `None` for 256, or fewer if there would be fewer than 16 shards.
        seed: Seed of the order of the clips, a whole number, 0 or more. Parts of one video stay together.
        workers: Number of processes; `None` for one per core. With 1 no process is started.
        beam: Options of an Apache Beam pipeline, which is run instead of processes: a list as on a command line,
            `["--runner=FlinkRunner", …]`, or `[]`. All its machines must have keras_action, and the clips and `folder`
            under the same paths.
        max_failed_share: Share of the clips, from 0 to 1, that may fail.
        retry_failures: Whether to rewrite finished shards in which clips are missing that could not be decoded.
        progress: Whether to show a progress bar.

    Returns:
        A `ShardReport`. `read_shards` reads the clips.

    Raises:
        ValueError: If `folder` was begun with other clips or settings.
        TooManyFailuresError: As soon as more than `max_failed_share` of the clips have failed. Finished shards are
            kept.
        ImportError: If `beam` is given and Apache Beam is not installed.

    Example:

    ```python
    write_shards(read_something_something("something", "train"), "shards/train")
    train = read_shards("shards/train")
    ```
    """
    if short_side < 1 or not 1 <= quality <= 100:
        raise ValueError(
            "`short_side` must be at least 1, and `quality` from 1 to 100. "
            f"Received: short_side={short_side}, quality={quality}"
        )
    for name, value in (("clips_per_shard", clips_per_shard), ("workers", workers)):
        if value is not None and value < 1:
            raise ValueError(f"`{name}` must be at least 1, or None. Received: {name}={value}")
    if beam is not None and workers is not None:
        raise ValueError(
            "`workers` are processes of this machine; they can't be combined with `beam`. "
            f"Received: workers={workers}, beam={beam}"
        )
    failures = FailureLog(max_failed_share, total=len(annotations))
    folder = Path(folder)
    plan = make_plan(annotations, short_side, quality, clips_per_shard, seed)
    begin(folder, plan)
    remove_partial(folder)
    names = [shard_name(number, plan["num_shards"]) for number in range(plan["num_shards"])]
    shards = {name: _read_done(folder, name, retry_failures) for name in names}
    missing = [number for number, name in enumerate(names) if shards[name] is None]
    for shard in filter(None, shards.values()):
        _note(shard, failures)
    if missing:
        import keras

        (folder / MANIFEST).unlink(missing_ok=True)
        remaining = len(annotations) - sum(map(_num_clips, filter(None, shards.values())))
        bar = keras.utils.Progbar(remaining, unit_name="clip", verbose=1 if progress else 0)
        try:
            for number in _make(folder, missing, workers, beam):
                shards[names[number]] = shard = _read_done(folder, names[number])
                bar.add(_num_clips(shard))
                _note(shard, failures)
        finally:
            remove_partial(folder)
    return _finish(folder, plan, shards)


def _make(folder, numbers, workers, beam):
    function = functools.partial(make_shard, os.path.abspath(folder))
    if beam is not None:
        run_on_beam(function, numbers, beam)
        yield from numbers
        return
    with contextlib.closing(run_on_cores(function, numbers, workers, hide_gpus)) as results:
        yield from results


def _read_done(folder, name, retry_failures=False):
    """The description of a finished shard, or `None`."""
    try:
        shard = json.loads((folder / (name + CLIPS_SUFFIX)).read_bytes())
        whole = all((folder / file).stat().st_size == facts["bytes"] for file, facts in shard["files"].items())
    except (OSError, ValueError):
        return None
    return shard if whole and not (retry_failures and shard["failures"]) else None


def _num_clips(shard):
    return len(shard["clips"]) + len(shard["failures"])


def _note(shard, failures):
    for failure in shard["failures"]:
        failures.add(Clip(failure["name"], failure["label"]), failure["reason"])


def _finish(folder, plan, shards):
    """Writes the manifest."""
    entries = []
    for name, shard in shards.items():
        path = folder / (name + CLIPS_SUFFIX)
        own = {path.name: {"bytes": path.stat().st_size, "sha256": checksum(path)}}
        frames = sum(clip["stop"] - clip["first"] for clip in shard["clips"])
        entries.append({"name": name, "clips": len(shard["clips"]), "frames": frames, "files": shard["files"] | own})
    totals = {
        "clips": sum(entry["clips"] for entry in entries),
        "frames": sum(entry["frames"] for entry in entries),
        "bytes": sum(facts["bytes"] for entry in entries for facts in entry["files"].values()),
    }
    manifest = {
        "format": FORMAT,
        **totals,
        **{key: plan[key] for key in ("short_side", "quality", "seed", "labels")},
        "failures": [failure for shard in shards.values() for failure in shard["failures"]],
        "shards": entries,
    }
    write_whole(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    return ShardReport(folder, len(shards), *totals.values(), len(manifest["failures"]))

"""Reads folders of shards as annotations."""

import hashlib
import json
from pathlib import Path

from keras_action.data.clips import AnnotationError, Annotations, Clip, check_label, normalize_labels
from keras_action.data.decoding import DecodingError
from keras_action.data.shards.format import CLIPS_SUFFIX, MANIFEST, SHARD_SUFFIX, is_shard_set

FORMAT = 1


def read_shards(folder, labels=None, verify=False):
    """Reads a folder of shards, written by `write_shards`.

    Args:
        folder: The folder.
        labels: Names of the classes in the order of their ids, as in training; `None` for those in the manifest.
        verify: Whether to read all files and compare their checksums. Otherwise a damaged frame is found when it is
            read, as in a video, and only its clip is left out.

    Returns:
        An `Annotations`. Each clip is a part of a shard; its `name` is that of the original clip.

    Raises:
        AnnotationError: If the preparation is not finished, the lists are damaged or of another format, or a label
            is not in `labels`.
        DecodingError: If `verify` finds damaged files. The message names them all.
        FileNotFoundError: If there are no shards.

    Example:

    ```python
    train = read_shards("shards/train")
    validation = read_shards("shards/val", labels=train.labels)
    ```
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    if verify:
        _verify(folder, manifest["shards"])
    labels = tuple(manifest["labels"]) if labels is None else normalize_labels(labels)
    known, clips = dict.fromkeys(labels), []
    for shard in manifest["shards"]:
        path = str(folder / (shard["name"] + SHARD_SUFFIX))
        for row in _read_clips(folder / (shard["name"] + CLIPS_SUFFIX), shard):
            check_label(row["label"], known, path)
            frames = row["first"], row["stop"]
            clips.append(Clip(path, row["label"], None, None, frames, row["group"], row["fps"], row["name"]))
    return Annotations(tuple(clips), labels)


def checksum(path):
    """The SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_manifest(folder):
    path = folder / MANIFEST
    if not path.exists():
        if is_shard_set(folder):
            raise AnnotationError(
                f"{folder}: the preparation of these shards is not finished: there is no {MANIFEST}. The same command "
                "resumes it."
            )
        raise FileNotFoundError(f"{folder}: there are no shards ({MANIFEST}) in the folder")
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["format"] != FORMAT:
            raise ValueError(f"expected format {FORMAT}. Received: {manifest['format']}")
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(f"{path}: not a manifest of shards: {error}") from error
    return manifest


def _read_clips(path, shard):
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != shard["files"][path.name]["sha256"]:
        raise AnnotationError(f"{path}: damaged, or of another preparation: its checksum is not that in {MANIFEST}")
    return json.loads(content)["clips"]


def _verify(folder, shards):
    files = {name: facts["sha256"] for shard in shards for name, facts in shard["files"].items()}
    bad = []
    for name, expected in files.items():
        try:
            if checksum(folder / name) != expected:
                bad.append(name)
        except OSError as error:
            bad.append(f"{name} ({error.strerror})")
    if bad:
        raise DecodingError(f"{folder}: {len(bad)} of {len(files)} files are damaged or missing: {', '.join(bad)}")

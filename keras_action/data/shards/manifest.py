"""Folders of shards, as `write_shards` leaves them: what is in them, and reading them as annotations."""

import hashlib
import json
from pathlib import Path

from keras_action.data.clips import AnnotationError, Annotations, Clip
from keras_action.data.decoding import DecodingError
from keras_action.data.shards.format import CLIPS_SUFFIX, MANIFEST, SHARD_SUFFIX, is_shard_set

FORMAT = 1


def read_shards(folder, labels=None, verify=False):
    """Reads a folder of shards, as `write_shards` made it.

    Args:
        folder: The folder.
        labels: Names of the classes in the order of their ids, as in training, or None for those that the shards
            were made with.
        verify: Whether to read all files through and compare their checksums. Otherwise a damaged frame shows when
            it is read, as that of a video does, and costs one clip.

    Returns:
        An `Annotations`; each clip is a part of a shard and has the `name` of what it was made from.

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
    labels = tuple(manifest["labels"] if labels is None else labels)
    known, clips = frozenset(labels), []
    for shard in manifest["shards"]:
        path = str(folder / (shard["name"] + SHARD_SUFFIX))
        for row in _read_clips(folder / (shard["name"] + CLIPS_SUFFIX), shard):
            if row["label"] not in known:
                raise AnnotationError(
                    f"{path}: unknown label; known are {', '.join(labels)}. Received: {row['label']!r}"
                )
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
                f"{folder}: the preparation of these shards is not finished: there is no {MANIFEST}. The command "
                "that began it goes on where it was."
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

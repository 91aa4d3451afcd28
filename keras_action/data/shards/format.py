"""Shards: TFRecord files of clips whose frames are JPEGs, each of which can be read alone.

Beside `shard-00003-of-00012.tfrecord` are an index of its JPEGs, `shard-00003-of-00012.npy`, and a list of its clips,
`shard-00003-of-00012.json`. `write_shards` describes their content.
"""

import functools
import json
import os
import weakref
import zlib
from pathlib import Path

import numpy as np

from keras_action.data.decoding import DecodingError

SHARD_SUFFIX, INDEX_SUFFIX, CLIPS_SUFFIX = ".tfrecord", ".npy", ".json"
MANIFEST = "manifest.json"  # of a folder of shards; written last, so that it marks a finished preparation
PREPARATION = "preparation.json"  # the plan, written first
# Of a JPEG: its offset in the TFRecord file, length in bytes, checksum (`zlib.crc32`), height and width.
INDEX_ROW = np.dtype([("offset", "<u8"), ("length", "<u4"), ("crc32", "<u4"), ("height", "<u2"), ("width", "<u2")])

_MAX_OPEN = 64  # each has two file descriptors, and some systems allow a process 256


def shard_name(number, num_shards):
    """The name of the files of a shard, without suffix."""
    return f"shard-{number:05}-of-{num_shards:05}"


def is_shard_set(folder):
    """Whether a folder holds shards, finished or not."""
    return any((Path(folder) / name).exists() for name in (MANIFEST, PREPARATION))


def read_shard_jpegs(path, rows):
    """Reads frames of one clip of a shard, without decoding them. Safe to use from many threads.

    Args:
        path: The shard, a `.tfrecord` file.
        rows: Rows of the shard's index, an integer array or a list, in any order, with repetitions.

    Returns:
        The JPEGs, a list of bytes, and (height, width), which is the same for all frames of a clip.

    Raises:
        DecodingError: If the shard or its index is missing, or a frame is damaged. The message names the clip.

    Example:

    >>> jpegs, size = read_shard_jpegs(clip.path, np.arange(*clip.frames))
    """
    try:
        state = os.stat(path)
        # A shard that was rewritten is opened again.
        shard = _open(path, state.st_size, state.st_mtime_ns)
        entries = shard.index[rows].tolist()
        jpegs = []
        for place, (offset, length, crc32, _, _) in enumerate(entries):
            jpeg = os.pread(shard.file, length, offset)
            if len(jpeg) != length or zlib.crc32(jpeg) != crc32:
                raise DecodingError(f"{path}: {_name(path, rows[place])} is damaged or truncated")
            jpegs.append(jpeg)
    except DecodingError:
        raise
    except IndexError as error:
        raise DecodingError(f"{path}: the shard's index has no such frames: {error}") from error
    except OSError as error:
        raise DecodingError(f"{path}: {error.strerror or error}") from error
    return jpegs, entries[0][3:]


class _Shard:
    """An open shard: its file descriptor and its index. It is closed when it is no longer referenced."""

    def __init__(self, path):
        index = path.removesuffix(SHARD_SUFFIX) + INDEX_SUFFIX
        try:
            # Plain arrays are twice as fast to take rows from as `np.memmap`.
            self.index = np.load(index, mmap_mode="r").view(np.ndarray)
            if self.index.dtype != INDEX_ROW:
                raise ValueError(f"expected rows of {INDEX_ROW.names}. Received: {self.index.dtype}")
        except (OSError, EOFError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise DecodingError(f"{index}: the index of the shard can't be read: {reason}") from error
        self.file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self.file).atexit = False  # threads may still read then


@functools.lru_cache(maxsize=_MAX_OPEN)
def _open(path, size, modified):
    return _Shard(path)


def _name(path, row):
    """A frame of a shard for a message, with the name of its clip if it is known."""
    try:
        clips = json.loads(Path(path).with_suffix(CLIPS_SUFFIX).read_text(encoding="utf-8"))["clips"]
        clip = next(clip for clip in clips if clip["first"] <= row < clip["stop"])
        return f"frame {row - clip['first']} of the clip {clip['name']}"
    except (OSError, KeyError, ValueError, StopIteration):
        return f"frame {row}"

"""Writes one shard, in a process of this machine or with Apache Beam."""

import functools
import io
import json
import os
import zlib
from pathlib import Path

import numpy as np

from keras_action.data.clips import Clip
from keras_action.data.decoding import DecodingError
from keras_action.data.jpeg import JpegHeads
from keras_action.data.shards.format import CLIPS_SUFFIX, INDEX_ROW, INDEX_SUFFIX, PREPARATION, SHARD_SUFFIX, shard_name
from keras_action.data.shards.manifest import checksum
from keras_action.data.sources import open_clip
from keras_action.utils.files import whole_file, write_whole
from keras_action.utils.lazy import tensorflow as tf

_CHUNK = 128  # frames decoded at a time: all frames of a long clip would fill the memory
_MAX_BYTES = 2_000_000_000  # of a clip: a record must stay below 2 GiB
_RECORD_HEAD, _RECORD_TAIL = 12, 4  # bytes of TFRecord before and after the content of a record


def make_shard(folder, number):
    """Writes the files of a shard, each whole or not at all, the list of its clips last.

    Args:
        folder: The folder of the shards, which contains the plan.
        number: Number of the shard.

    Returns:
        `number`.
    """
    folder = Path(folder)
    plan = _read_plan(folder, os.stat(folder / PREPARATION).st_mtime_ns)
    name = shard_name(number, plan["num_shards"])
    total = len(plan["clips"])
    rows = plan["clips"][number * total // plan["num_shards"] : (number + 1) * total // plan["num_shards"]]
    records, index, list_of_clips = (folder / (name + suffix) for suffix in (SHARD_SUFFIX, INDEX_SUFFIX, CLIPS_SUFFIX))
    list_of_clips.unlink(missing_ok=True)  # of a shard that is rewritten
    with whole_file(records) as partial:
        entries, clips, failures = _write_records(partial, rows, plan)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
    content = io.BytesIO()
    np.save(content, np.array(entries, INDEX_ROW))
    write_whole(index, content.getvalue())
    files = {path.name: {"bytes": path.stat().st_size, "sha256": checksum(path)} for path in (records, index)}
    done = {"files": files, "clips": clips, "failures": failures}
    write_whole(list_of_clips, json.dumps(done) + "\n")
    return number


@functools.lru_cache(maxsize=1)
def _read_plan(folder, modified):
    return json.loads((folder / PREPARATION).read_bytes())


def _write_records(path, rows, plan):
    """Writes the TFRecord file; returns the index's rows, and descriptions of the clips and the failures."""
    entries, clips, failures, position, heads = [], [], [], 0, JpegHeads()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for source, *clip, name in rows:
            clip = Clip(os.path.join(plan["root"], source), *clip)
            facts = {"name": name, "label": clip.label, "group": clip.group}
            try:
                source = open_clip(clip)
                facts["fps"] = None if source.fps is None else float(source.fps)
                jpegs, (height, width) = _read_frames(source, plan["short_side"], plan["quality"], heads)
            except DecodingError as error:
                failures.append({"name": name, "label": clip.label, "reason": str(error)})
                continue
            facts |= {"height": height, "width": width}
            record = _example(jpegs, {**facts, "label_id": plan["labels"].index(clip.label)})
            writer.write(record)
            clips.append({**facts, "first": len(entries), "stop": len(entries) + len(jpegs)})
            place = 0
            for jpeg in jpegs:
                place = record.index(jpeg, place)
                offset = position + _RECORD_HEAD + place
                entries.append((offset, len(jpeg), zlib.crc32(jpeg), height, width))
                place += len(jpeg)
            position += _RECORD_HEAD + len(record) + _RECORD_TAIL
    return entries, clips, failures


def _example(jpegs, facts):
    """A serialised `tf.train.Example`, the same bytes for the same values. Values of `None` are left out."""

    def feature(value):
        if isinstance(value, str):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode(errors="replace")]))
        if isinstance(value, float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {name: feature(value) for name, value in facts.items() if value is not None}
    features["frames"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=jpegs))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def _read_frames(source, short_side, quality, heads):
    """All frames of a clip as JPEGs, and their (height, width).

    JPEGs that are small enough, and that all decoders decode alike, are copied.
    """
    jpegs, size = [], None
    while len(jpegs) < source.num_frames:
        indices = range(len(jpegs), min(len(jpegs) + _CHUNK, source.num_frames))
        pictures = source.read(indices, short_side)  # also of JPEGs that are copied, to find damaged ones
        size = size or pictures.shape[1:3]
        if pictures.shape[1:3] != size:
            raise DecodingError(
                f"{source.path}: the frames of a clip must be of one size. Received: "
                f"{pictures.shape[2]}x{pictures.shape[1]}, after {size[1]}x{size[0]}"
            )
        encoded = source.read_jpegs(indices, heads)
        if encoded is not None and tuple(encoded[1]) == size:
            jpegs += encoded[0]
        else:
            with tf.device("CPU:0"):
                jpegs += [tf.io.encode_jpeg(picture, quality=quality).numpy() for picture in pictures]
        if sum(map(len, jpegs)) > _MAX_BYTES:
            raise DecodingError(f"{source.path}: the frames take more than 2 GB, too much for a record: annotate parts")
    return jpegs, size

"""Files that are written whole or not at all."""

import contextlib
import csv
import io
import json
import math
import os
import uuid
from pathlib import Path


@contextlib.contextmanager
def whole_file(path):
    """A context for writing a file whole or not at all.

    The context's value is the path of a temporary file beside `path`, with the same suffix. At the end of the context
    it takes the name of `path`. After an error it is removed, and an earlier file at `path` is untouched. Missing
    parent folders are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files are readable by their owner only, and would stay so.
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path, data):
    """Writes a file whole or not at all; see `whole_file`.

    Args:
        path: The file to write.
        data: Bytes, or a string, which is written as UTF-8.

    Returns:
        `path` as a `pathlib.Path`.
    """
    if isinstance(data, str):
        # Names of files may have bytes that are not UTF-8: a report with them must be written all the same.
        data = data.encode("utf-8", errors="replace")
    with whole_file(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_json(path, values):
    """Writes values as a JSON file, whole or not at all. Returns `path` as a `pathlib.Path`."""
    return write_whole(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def json_number(value):
    """A value for JSON: `None` for a float that is not finite, any other value as it is."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path, header, rows):
    """Writes a CSV file, whole or not at all.

    Args:
        path: The file to write.
        header: The names of the columns.
        rows: The rows, an iterable of sequences.

    Returns:
        `path` as a `pathlib.Path`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return write_whole(path, text.getvalue())

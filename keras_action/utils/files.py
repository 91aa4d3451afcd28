"""Files that are written whole or not at all."""

import csv
import io
import os
import uuid
from pathlib import Path


def write_whole(path, data):
    """Write `data` to `path`, so that nobody ever finds half of it there.

    The data goes to a temporary file beside `path`, which then takes its name
    in one step. If anything fails, a file that was there before is untouched
    and no temporary file is left. Missing parent folders are made.

    Args:
        path: The file to write.
        data: Bytes, or a string, which is written as UTF-8.

    Returns:
        `path` as a `pathlib.Path`.
    """
    path = Path(path)
    if isinstance(data, str):
        # File names may hold bytes that are not UTF-8; they must not cost a whole report.
        data = data.encode("utf-8", errors="replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files are readable by their owner only, and would stay so.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def write_csv(path, header, rows):
    """Write a CSV file, whole or not at all.

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

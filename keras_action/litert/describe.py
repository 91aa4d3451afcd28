"""All that a LiteRT file holds and says of itself, as text."""

import json

from keras_action.litert.inspection import inspect_bytes
from keras_action.litert.metadata import parse_metadata, read_file
from keras_action.litert.standard_metadata import read_standard_metadata


def describe(path):
    """What a LiteRT file holds: our metadata, TFLite's own, and what is inside.

    Args:
        path: The `.tflite` file, written by keras_action or not.

    Returns:
        A string of several lines.

    Raises:
        ValueError: If it is not a LiteRT file.
        OSError: If it can't be read.

    Example:

    >>> print(describe("gesture.tflite"))
    """
    data = read_file(path)
    metadata, standard = parse_metadata(data, path), read_standard_metadata(data)
    return "\n".join(
        [
            f"file              {path}",
            inspect_bytes(data).table(),
            "",
            "metadata of keras_action" + (f"\n{metadata}" if metadata else ": none"),
            "",
            "metadata of TFLite"
            + (f"\n{json.dumps(standard, indent=2, ensure_ascii=False)}" if standard else ": none"),
        ]
    )

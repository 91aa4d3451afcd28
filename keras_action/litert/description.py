"""A description of a LiteRT file as text."""

from keras_action.litert.file import LiteRTFile
from keras_action.litert.inspection import summarize
from keras_action.litert.metadata import metadata_of


def describe(path):
    """Describes a LiteRT file: its inputs and outputs, operators and metadata.

    Args:
        path: Path of the `.tflite` file, written by keras_action or not; or a `LiteRTFile`.

    Returns:
        A string of several lines.

    Raises:
        ValueError: If it is not a LiteRT file, or it is damaged or truncated.
        OSError: If it can't be read.

    Example:

    >>> print(describe("gesture.tflite"))
    """
    file = LiteRTFile.read(path)
    metadata = metadata_of(file)
    return "\n".join(
        [
            f"file              {file.name}",
            summarize(file).table(),
            "",
            f"metadata\n{metadata}" if metadata else "metadata of keras_action: none",
        ]
    )

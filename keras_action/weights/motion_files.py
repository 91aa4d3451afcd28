"""The files of motion weights in this package: float16 arrays by layer."""

import io
from pathlib import Path

import numpy as np

from keras_action.utils.files import write_whole

BACKBONE = "mobilenet_v2"
VARIANT = "torchvision"
MEMORY_UNITS = 256
FOLDER = Path(__file__).with_name("motion")
_LARGEST = np.finfo(np.float16).max


def motion_path(kind, memory=None):
    """Path of the motion weights of `"action_net"` or `"tsm"`, whether or not there is such a file.

    Args:
        kind: The model's kind.
        memory: Units of its memory, or `None`. For a memory of `MEMORY_UNITS` there may be weights that were trained on
            streams; for others those of a model without a memory are taken.
    """
    of_streams = FOLDER / f"{BACKBONE}_{kind}_memory.npz"
    if memory == MEMORY_UNITS and of_streams.is_file():
        return of_streams
    return FOLDER / f"{BACKBONE}_{kind}.npz"


def read_motion_file(path):
    """The weights in a file of `write_motion_file`.

    Args:
        path: Path of the `.npz` file.

    Returns:
        A dict from names of layers to lists of float32 arrays, in the order of `layer.get_weights()`.
    """
    layers = {}
    with np.load(path) as archive:
        for key in archive.files:
            name, _, place = key.rpartition("/")
            layers.setdefault(name, {})[int(place)] = archive[key].astype(np.float32)
    return {name: [arrays[place] for place in range(len(arrays))] for name, arrays in layers.items()}


def write_motion_file(path, layers):
    """Writes weights in float16, whole or not at all.

    Args:
        path: Path of the `.npz` file.
        layers: A dict from names of layers to lists of float arrays.

    Returns:
        The path.

    Raises:
        ValueError: If a value is not finite or too large for float16.
    """
    arrays = {}
    for name, values in layers.items():
        for place, value in enumerate(values):
            if not (np.abs(value) <= _LARGEST).all():
                raise ValueError(
                    f"Weights must be finite and at most {_LARGEST}. Received: {np.abs(value).max()} in layer {name!r}"
                )
            arrays[f"{name}/{place}"] = np.asarray(value, np.float16)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return write_whole(path, content.getvalue())

"""Reads image files without TensorFlow, to the same pixels as in training."""

import numpy as np

from keras_action.data.decoding import DecodingError
from keras_action.utils.optional_import import optional_import


def read_image(path):
    """Reads a JPEG or PNG file.

    Args:
        path: Path of the file. 16-bit images are reduced to 8 bits, transparency is ignored, and grey becomes RGB.

    Returns:
        A uint8 array of shape (height, width, 3), RGB.

    Raises:
        DecodingError: If the file is missing, damaged or truncated.
        ImportError: If Pillow is not installed.
    """
    with optional_import("Reading images", "Pillow", "pillow"):
        from PIL import Image
    try:
        with Image.open(path) as image:
            if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip to 255
                grey = (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=-1)
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DecodingError(f"{path}: damaged or truncated: {error}") from error

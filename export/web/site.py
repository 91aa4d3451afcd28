"""All files of the page: its own, the runtime's, the models'."""

import json
from pathlib import Path

from keras_action.utils.files import write_whole

from .description import describe_model
from .runtime import FILES

_PAGE = Path(__file__).parent / "page"
# A browser finds no package by its name, and no import map reaches into a worker.
_IMPORT = (b'"@litertjs/wasm-utils"', b'"../../wasm-utils/dist/index.js"')


def site_files(models, runtime, settings=None):
    """The files of the page.

    Args:
        models: The paths of `.tflite` files.
        runtime: The folder of the runtime, of `export.web.runtime.find_runtime`.
        settings: The path of a JSON file of event settings, or `None`.

    Returns:
        A dictionary from a file's place on the site, as `models/gesture.tflite`, to its `pathlib.Path`, or its bytes
        where it is made here.

    Raises:
        OSError: If a file can't be read.
        ValueError: If a model is not as the page needs it, or two have the same name.
    """
    models = [Path(model) for model in models]
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError(f"The models must have different file names. Received: {', '.join(map(str, models))}")
    descriptions = [describe_model(model, settings) for model in models]
    files = {path.name: path for path in sorted(_PAGE.iterdir()) if path.is_file()}
    files["models.json"] = json.dumps({"models": descriptions}, ensure_ascii=False).encode()
    files |= {description["url"]: model for description, model in zip(descriptions, models, strict=True)}
    files |= {f"runtime/{name}/{file}": runtime / name / file for name, parts in FILES.items() for file in parts}
    entry = "runtime/core/dist/index.js"
    files[entry] = files[entry].read_bytes().replace(*_IMPORT)
    return files


def write_site(files, folder):
    """Write the files of the page into a folder, each whole or not at all."""
    for name, content in files.items():
        write_whole(Path(folder) / name, content if isinstance(content, bytes) else content.read_bytes())

"""The files of the web page: its own, those of the runtime, and the models."""

import json
from pathlib import Path

from keras_action.utils.files import write_whole

from .description import describe_model
from .runtime import FILES

_PAGE = Path(__file__).parent / "page"
# Browsers do not resolve package names, and import maps do not apply to workers.
_IMPORT = (b'"@litertjs/wasm-utils"', b'"../../wasm-utils/dist/index.js"')


def page_files():
    """The files of the page itself: a dictionary from name to path."""
    return {path.name: path for path in sorted(_PAGE.iterdir()) if path.is_file()}


def site_files(models, runtime, settings=None, server=False):
    """The files of the page.

    Args:
        models: Paths of `.tflite` files.
        runtime: Folder of the runtime, of `find_runtime`; `None`, with `server`, if it is not available.
        settings: Path of a JSON file of event settings, or `None`.
        server: Whether the server recognises where the browser can't, as that of `keras-action studio`.

    Returns:
        A dictionary from the address of a file on the site, as `models/gesture.tflite`, to its `pathlib.Path` or its
        bytes.

    Raises:
        OSError: If a file can't be read.
        ValueError: If a model does not fit the page, or two have the same name.
    """
    models = [Path(model) for model in models]
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        raise ValueError(f"The models must have different file names. Received: {', '.join(map(str, models))}")
    descriptions = [describe_model(model, settings) for model in models]
    files = page_files()
    recognizers = [name for name, has_it in (("browser", runtime is not None), ("server", server)) if has_it]
    values = {"models": descriptions, "recognizers": recognizers}
    files["models.json"] = json.dumps(values, ensure_ascii=False).encode()
    files |= {description["url"]: model for description, model in zip(descriptions, models, strict=True)}
    if runtime is None:
        return files
    files |= {f"runtime/{name}/{file}": runtime / name / file for name, parts in FILES.items() for file in parts}
    entry = "runtime/core/dist/index.js"
    files[entry] = files[entry].read_bytes().replace(*_IMPORT)
    return files


def write_site(files, folder):
    """Writes the files of the page into a folder, each whole or not at all."""
    for name, content in files.items():
        write_whole(Path(folder) / name, content if isinstance(content, bytes) else content.read_bytes())

"""The runtime of the web page, LiteRT for browsers: downloaded once from the npm registry, verified and cached."""

import base64
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

VERSION = "2.5.3"

# The packages of the scope @litertjs, with the sha512 of their archives in the registry.
PACKAGES = {
    "core": "PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
    "wasm-utils": "4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
}

# The files that the page needs, and `package.json` for name and licence.
FILES = {
    "core": (
        "package.json",
        "dist/index.js",
        *(
            f"wasm/litert_wasm_{kind}internal.{ending}"
            for kind in ("", "compat_", "threaded_")
            for ending in ("js", "wasm")
        ),
    ),
    "wasm-utils": ("package.json", "dist/index.js"),
}

_PUBLIC_REGISTRY = "https://registry.npmjs.org/"


def find_runtime(folder=None):
    """The folder of the runtime, with `core` and `wasm-utils`; downloaded if it is not in the cache.

    Args:
        folder: Folder of an installed runtime, as `node_modules/@litertjs`; `None` for the cache.

    Returns:
        A `pathlib.Path`.

    Raises:
        FileNotFoundError: If a file is missing in the given folder.
        RuntimeError: If it can't be downloaded, or has another checksum.
    """
    if folder is not None:
        missing = _missing(Path(folder))
        if missing:
            raise FileNotFoundError(
                "The runtime must be a folder as node_modules/@litertjs, after "
                f"`npm install @litertjs/core@{VERSION}`. Received: --runtime {folder}, without {missing[0]}"
            )
        return Path(folder)
    folder = cache_folder() / f"litertjs-{VERSION}"
    if _missing(folder):
        _fetch(folder)
    return folder


def cache_folder():
    """The cache: `$XDG_CACHE_HOME/keras_action`, by default in `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keras_action"


def registry():
    """The address of the npm registry: that of npm's configuration, or the public one."""
    address = os.environ.get("npm_config_registry", "")  # noqa: SIM112 - npm's spelling
    npm = shutil.which("npm")
    if not address and npm is not None:
        done = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)
        address = done.stdout.strip()
    return f"{address.rstrip('/')}/" if address.startswith(("https://", "http://")) else _PUBLIC_REGISTRY


def _missing(folder):
    return [f"{name}/{file}" for name, files in FILES.items() for file in files if not (folder / name / file).is_file()]


def _fetch(folder):
    """Downloads the packages into a folder, which appears whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    address = registry()
    print(f"downloading @litertjs/core {VERSION} (12 MB) into {folder}", flush=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part:
        part = Path(part) / folder.name
        for name, checksum in PACKAGES.items():
            archive = _download(f"{address}@litertjs/{name}/-/{name}-{VERSION}.tgz", checksum)
            _unpack(archive, part / name, FILES[name])
        missing = _missing(part)
        if missing:
            raise RuntimeError(f"The package of {address} lacks {missing[0]}")
        if _missing(folder):  # no other process was faster
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(part, folder)


def _download(url, checksum):
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            archive = response.read()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise RuntimeError(
            f"{url} could not be downloaded: {getattr(error, 'reason', error)}. Without a network, run "
            f"`npm install @litertjs/core@{VERSION}` on another machine and pass --runtime node_modules/@litertjs"
        ) from error
    received = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if received != checksum:
        raise RuntimeError(f"{url} is not the expected file. Expected sha512 {checksum}. Received: {received}")
    return archive


def _unpack(archive, folder, files):
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        for file in files:
            try:
                content = packed.extractfile(f"package/{file}")
            except KeyError:
                continue  # reported for all packages at once
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())

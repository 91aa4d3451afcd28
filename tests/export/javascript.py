"""The page's JavaScript, run by Node.js, or by Chromium where there is none."""

import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

import export.web
from export.web.server import make_server
from tests.export.chromium import Chromium, find_chromium

PAGE = Path(export.web.__file__).parent / "page"


def run_javascript(code, value):
    """What a piece of code returns for a value.

    Args:
        code: The body of an asynchronous function of `value`. It imports the page's modules from `BASE`.
        value: For JSON.
    """
    call = f"(async (value) => {{ {code} }})"
    if shutil.which("node") is not None:
        return _run_by_node(call, value)
    if find_chromium() is not None:
        return _run_by_chromium(call, value)
    pytest.skip("neither Node.js nor Chromium is installed")


def _run_by_node(call, value):
    with tempfile.TemporaryDirectory() as folder:
        for path in PAGE.glob("*.js"):
            shutil.copy(path, folder)
        (Path(folder) / "package.json").write_text('{"type": "module"}')
        main = Path(folder) / "main.js"
        main.write_text(
            'import { readFileSync } from "node:fs"; const BASE = "./"; '
            f"console.log(JSON.stringify(await {call}(JSON.parse(readFileSync(0)))));"
        )
        done = subprocess.run(["node", str(main)], input=json.dumps(value), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _run_by_chromium(call, value):
    files = {path.name: path for path in PAGE.glob("*.js")} | {"index.html": b"<!doctype html>"}
    server, url = make_server(files, port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with server, Chromium() as browser:
        browser.open(url)
        browser.wait_for(f"location.href === '{url}' && document.readyState === 'complete'")
        result = browser.evaluate(f"const BASE = '/'; {call}({json.dumps(value)})")
        server.shutdown()
    return result

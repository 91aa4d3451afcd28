"""A studio's server in a process of its own."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time

# Of a machine without the browser's runtime and without a network.
NO_NETWORK = {"npm_config_registry": "http://127.0.0.1:9/"}


def write_model(folder, model, misclassified=()):
    """Puts a LiteRT file into the folder of a studio, as a training does. Returns its path.

    Args:
        folder: The folder.
        model: Path of the LiteRT file.
        misclassified: Pairs of label and name of the takes that were recognised as another gesture.
    """
    (folder / "model").mkdir(parents=True, exist_ok=True)
    path = folder / "model" / "gestures_1.tflite"
    path.write_bytes(model.read_bytes())
    split = {"by_session": False, "sessions": 1, "training_takes": 9, "validation_takes": 3, "tuned_on": "long takes"}
    labels = ["none", "red", "green", "blue"]
    result = {"number": 1, "file": path.name, "bytes": path.stat().st_size, "labels": labels, "split": split}
    result |= {"accuracy": 0.5, "interval": [0.2, 0.8], "confusion": [[1] * 4] * 4}
    mistake = {"predicted": "none", "probability": 0.7}
    result["misclassified"] = [{"label": label, "name": name, **mistake} for label, name in misclassified]
    (folder / "model" / "result.json").write_text(json.dumps(result))
    return path


class StudioServer:
    """A studio's server in a process of its own, which can be killed and started again at the same port."""

    def __init__(self, folder, *options, environment=None):
        self.folder, self._options, self.port = folder, options, 0
        self._environment = environment or {}
        if environment:
            self._environment["XDG_CACHE_HOME"] = str(folder / "cache")
        self.start()

    def start(self):
        command = [sys.executable, "-m", "export.studio", str(self.folder), "--port", str(self.port), *self._options]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **self._environment}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        while not (line := self.process.stdout.readline()).startswith("serving "):
            assert line, "the server has ended"
        self.url = line.split()[1]
        self.port = int(self.url.split(":")[2].split("/")[0])
        self.token = self.url.split("token=")[1]

    def request(self, method, path, body=None, headers=None, timeout=60):
        """The status and the content of an answer; JSON is decoded. The token is sent, unless the headers are given."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=timeout)
        if isinstance(body, dict):
            body = json.dumps(body)
        if headers is None:
            headers = {"Authorization": f"Bearer {self.token}"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.headers.get("Content-Type") == "application/json":
            content = json.loads(content)
        return response.status, content

    @property
    def uploads(self):
        """The files of uploads that are not complete."""
        return list((self.folder / ".studio" / "uploads").iterdir())

    def kill_in_upload(self, timeout):
        """Kills the server as soon as a part of an upload has arrived, within so many seconds."""
        deadline = time.monotonic() + timeout
        while not any(path.stat().st_size for path in self.uploads):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.kill()
        assert len(self.uploads) == 1

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def studio_server(folder, *options, environment=None):
    server = StudioServer(folder, *options, environment=environment)
    try:
        yield server
    finally:
        server.kill()

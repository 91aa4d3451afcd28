"""The training of a studio, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
import threading

from keras_action.utils.files import write_whole

STATUS = "status.json"
LOG = "output.txt"
RESULT = "result.json"


def write_status(folder, **values):
    """Writes the state of a training, whole or not at all."""
    write_whole(folder / STATUS, json.dumps(values, ensure_ascii=False))


def read_json(path):
    """The dictionary in a JSON file; `None` if there is none, or it is damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


class Trainer:
    """Starts, stops and resumes the training of a `Project`, and reports its progress.

    The process ends when this one ends, even if it is killed: it reads from a pipe whose other end is here.

    Args:
        project: The `Project`.
    """

    def __init__(self, project):
        self._project = project
        self._process = None
        self._lock = threading.Lock()

    def status(self):
        """The state of the training: a dictionary with `phase`, and other values that depend on it.

        `phase` is `"none"`, `"running"`, `"stopped"`, `"failed"` or `"done"`. A training that was interrupted is
        stopped, and can be resumed.
        """
        status = read_json(self._project.training / STATUS) or {"phase": "none"}
        if status["phase"] == "running" and not self._is_running():
            # It may have ended between the two checks.
            status = read_json(self._project.training / STATUS) or {"phase": "none"}
            if status["phase"] == "running":
                status = {**status, "phase": "stopped"}
        return status

    def start(self, resume=False):
        """Starts a training, or resumes the one that was stopped.

        Raises:
            ValueError: If one is running, or there is none to resume.
        """
        with self._lock:
            phase = self.status()["phase"]
            if phase == "running":
                raise ValueError("A training is running already.")
            folder = self._project.training
            if resume and phase not in ("stopped", "failed"):
                raise ValueError("There is no stopped training to resume.")
            if not resume:
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            write_status(folder, phase="running", step="starting")
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            environment |= {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1"}
            with open(folder / LOG, "ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.job", str(self._project.folder)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                )

    def stop(self):
        """Stops the training after its last whole epoch. It can be resumed."""
        with self._lock:
            if self._is_running():
                self._process.kill()  # its files are whole or absent at every moment
                self._process.wait()

    def _is_running(self):
        return self._process is not None and self._process.poll() is None

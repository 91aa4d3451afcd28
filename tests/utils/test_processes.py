import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keras_action.utils.processes import run_on_cores

ROOT = Path(__file__).resolve().parents[2]

# Two workers that note their numbers and then work for longer than any test lasts.
ENDLESS = """
import os, time

def work(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(600)
"""
PROGRAM = """
import endless, sys
from keras_action.utils.processes import run_on_cores

list(run_on_cores(endless.work, sys.argv[1:] * 2, 2))
"""


def test_one_worker_is_this_process():
    assert list(run_on_cores(lambda item: (item, os.getpid()), [1, 2], 1)) == [(1, os.getpid()), (2, os.getpid())]
    assert list(run_on_cores(lambda item: item, [])) == []


def test_failures_come_through():
    with pytest.raises(ValueError, match="invalid literal"):
        list(run_on_cores(int, ["1", "2", "x"], 2))


def test_each_worker_calls_the_initializer_first():
    assert list(run_on_cores(os.getenv, ["INITIALIZED"] * 2, 2, set_variable)) == ["yes", "yes"]


def set_variable():
    os.environ["INITIALIZED"] = "yes"


def test_a_worker_that_dies_is_an_error():
    with pytest.raises(RuntimeError, match="terminated abruptly"):
        list(run_on_cores(os._exit, [1, 2], 2))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_is_left_behind(number, tmp_path):
    """Neither when the parent is killed nor when it is interrupted."""
    notes = tmp_path / "notes"
    notes.mkdir()
    (tmp_path / "endless.py").write_text(ENDLESS)
    # A shell's background jobs, and so their children, are started with interrupts turned off.
    own = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    own["env"] = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, notes], stderr=subprocess.DEVNULL, **own)
    wait(lambda: len(list(notes.iterdir())) == 2, parent)
    parent.send_signal(number)
    assert parent.wait(timeout=300) != 0
    wait(lambda: not any(is_alive(int(path.name)) for path in notes.iterdir()))


@pytest.mark.parametrize("as_file", [True, False], ids=["file", "standard input"])
def test_a_program_needs_no_guard(as_file, tmp_path):
    program = (
        "from keras_action.utils.processes import run_on_cores\nprint(*sorted(run_on_cores(int, ['3', '4'], 2)))\n"
    )
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "program.py" if as_file else "-"]
    options = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "check": True}
    done = subprocess.run(command, input="" if as_file else program, capture_output=True, text=True, **options)
    assert done.stdout.split() == ["3", "4"]


def wait(condition, process=None):
    stop = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < stop and (process is None or process.poll() is None)
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"  # waits for its parent
    except FileNotFoundError:
        return not Path("/proc").exists()

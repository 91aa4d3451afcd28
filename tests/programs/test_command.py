import re
import subprocess
import sys
import time

import pytest

from keras_action.programs import command
from keras_action.version import __version__

NAMES = [name for group in command.PROGRAMS.values() for name in group]


def test_help_lists_each_program_once(capsys):
    command.main(["--help"])
    text = capsys.readouterr().out
    assert re.findall(r"^  (\S+) +\S", text, re.MULTILINE) == NAMES
    assert all(f"\n{group}:\n" in text for group in command.PROGRAMS)
    assert max(map(len, text.splitlines())) <= 80


def test_version(capsys):
    command.main(["--version"])
    assert capsys.readouterr().out == f"keras_action {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"usage: keras-action"),
        (["trian"], r"error: .*Did you mean 'train'\? Programs: studio, .*, demo\. Received: trian"),
        (["conver"], r"Did you mean 'convert'\?"),
        (["zzz"], r"Unknown program\. Programs: "),
        (["--verbose"], r"Received: --verbose"),
    ],
)
def test_what_is_no_program(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2
    captured = capsys.readouterr()
    assert re.search(message, captured.err) and not captured.out


def test_arguments_are_passed_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["keras-action", "train", "--output"])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    assert "keras-action train: error: " in capsys.readouterr().err


def test_help_takes_little_longer_than_python():
    """0.05 s on two idle cores; the bound allows for busy ones. Keras alone would take more."""

    def fastest(*arguments):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest("-m", "keras_action.programs.command", "train", "--help") < fastest("-c", "pass") + 0.5

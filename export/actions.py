"""Commands and keys for gestures."""

import os
import subprocess
import sys

ANY = "*"
_ALIASES = {"return": "enter", "escape": "esc", "control": "ctrl", "del": "delete", "win": "cmd", "super": "cmd"}


class Actions:
    """Runs commands and presses keys when gestures are recognised.

    A command is run by the shell in the background. Its environment contains the event:
    `GESTURE_LABEL`, `GESTURE_START`, `GESTURE_END`, `GESTURE_PEAK`, `GESTURE_FIRED` (seconds), `GESTURE_SCORE`.

    Args:
        labels: Names of the classes.
        commands: Pairs of a label, or `"*"` for every gesture, and a command.
        keys: Pairs of a label, or `"*"`, and a key: a character, a name such as `left`, `page_down` or `f5`, or a
            combination such as `ctrl+right`.
        output: File descriptor for the output of commands. `None` for standard output.

    Raises:
        ValueError: If there is no such label or key.
        ImportError: If keys are given and pynput is not installed.
        OSError: If keys can't be pressed on this machine, for example without a screen.
    """

    def __init__(self, labels, commands=(), keys=(), output=None):
        for option, pairs in (("--on", commands), ("--key", keys)):
            for label, _ in pairs:
                if label != ANY and label not in labels:
                    raise ValueError(
                        f"There is no such gesture. Received: {option} {label}; labels are {', '.join(labels)}"
                    )
        self._commands, self._output = list(commands), output
        self._running = []  # (label, command, process)
        self._keyboard = Keyboard() if keys else None
        self._keys = [(label, self._keyboard.parse(key)) for label, key in keys]

    def take(self, event):
        """Runs the commands and presses the keys of an event."""
        for label, command in self._commands:
            if label in (ANY, event.label):
                environment = {f"GESTURE_{name.upper()}": str(value) for name, value in event.to_dict().items()}
                process = subprocess.Popen(
                    command,
                    shell=True,
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    env={**os.environ, **environment},
                )
                self._running.append((event.label, command, process))
        for label, keys in self._keys:
            if label in (ANY, event.label):
                self._keyboard.press(keys)
        self._report_failures()

    def close(self, patience=10.0):
        """Waits at most `patience` seconds for each running command."""
        for label, command, process in self._running:
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                print(f"the command of {label} is still running: {command}", file=sys.stderr)
        self._report_failures()

    def _report_failures(self):
        ended = [entry for entry in self._running if entry[2].poll() is not None]
        self._running = [entry for entry in self._running if entry not in ended]
        for label, command, process in ended:
            if process.returncode:
                print(f"the command of {label} ended with status {process.returncode}: {command}", file=sys.stderr)


class Keyboard:
    """Presses keys of this machine, with pynput."""

    def __init__(self):
        try:
            from pynput import keyboard
        except ModuleNotFoundError as error:
            raise ImportError(
                "Pressing keys needs pynput. Install it with: pip install 'keras_action[keys]'"
            ) from error
        except ImportError as error:  # pynput has no backend
            raise OSError(f"Keys can't be pressed on this machine, which has no screen: {error}") from error
        self._controller = keyboard.Controller()
        self._names = {key.name.replace("_", ""): key for key in keyboard.Key}

    def parse(self, text):
        """The keys of a text such as `ctrl+right`."""
        parts = [text] if len(text) == 1 else text.split("+")
        return tuple(self._parse_one(part, text) for part in parts)

    def press(self, keys):
        """Presses keys in this order, and releases them in reverse order."""
        for key in keys:
            self._controller.press(key)
        for key in reversed(keys):
            self._controller.release(key)

    def _parse_one(self, part, text):
        if len(part) == 1:
            return part
        name = part.lower().replace("_", "").replace("-", "")
        name = _ALIASES.get(name, name)
        if name not in self._names:
            raise ValueError(f"No such key: {part!r}. Received: --key … {text}; keys are {', '.join(self._names)}")
        return self._names[name]

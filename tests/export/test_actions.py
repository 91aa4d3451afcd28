import sys
import time
import types

import pytest

from export.actions import Actions
from keras_action.recognition import GestureEvent

LABELS = ("none", "left", "right")
EVENT = GestureEvent("left", 1.0, 2.0, 0.9, 1.5, 2.5)


class Keyboard(types.ModuleType):
    """pynput's `keyboard`, that only writes down what is pressed."""

    def __init__(self):
        super().__init__("pynput.keyboard")
        self.pressed = []
        outer = self

        class Controller:
            def press(self, key):
                outer.pressed.append(("press", getattr(key, "name", key)))

            def release(self, key):
                outer.pressed.append(("release", getattr(key, "name", key)))

        self.Controller = Controller
        names = ("left", "page_down", "ctrl", "esc", "enter", "f5")
        self.Key = [types.SimpleNamespace(name=name) for name in names]


@pytest.fixture
def keyboard(monkeypatch):
    package = types.ModuleType("pynput")
    package.keyboard = Keyboard()
    monkeypatch.setitem(sys.modules, "pynput", package)
    monkeypatch.setitem(sys.modules, "pynput.keyboard", package.keyboard)
    return package.keyboard


def test_commands_find_the_event_in_their_environment(tmp_path):
    out = tmp_path / "out.txt"
    write = f'echo "$GESTURE_LABEL $GESTURE_SCORE $GESTURE_START" >> {out}'
    actions = Actions(LABELS, [("left", write), ("right", f"echo never >> {out}"), ("*", write)])
    actions.take(EVENT)
    actions.close()
    assert out.read_text() == "left 0.9 1.0\n" * 2


def test_commands_are_not_waited_for(capfd):
    actions = Actions(LABELS, [("left", "sleep 0.5; exit 3")])
    start = time.monotonic()
    actions.take(EVENT)
    assert time.monotonic() - start < 0.4
    actions.close()
    assert "the command of left ended with status 3: sleep 0.5; exit 3" in capfd.readouterr().err


def test_a_command_that_goes_on_is_left_alone(capfd):
    actions = Actions(LABELS, [("left", "sleep 1")])
    actions.take(EVENT)
    actions.close(patience=0.05)
    assert "is still running: sleep 1" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Left", ["left"]),
        ("PageDown", ["page_down"]),
        ("page_down", ["page_down"]),
        ("Return", ["enter"]),
        ("a", ["a"]),
        ("+", ["+"]),
        ("Control+s", ["ctrl", "s"]),
    ],
)
def test_keys(keyboard, text, keys):
    actions = Actions(LABELS, keys=[("left", text)])
    actions.take(EVENT)
    assert keyboard.pressed == [("press", key) for key in keys] + [("release", key) for key in reversed(keys)]


def test_bad_actions(keyboard, monkeypatch):
    with pytest.raises(ValueError, match="--on up; labels are none, left, right"):
        Actions(LABELS, [("up", "true")])
    with pytest.raises(ValueError, match="--key up"):
        Actions(LABELS, keys=[("up", "a")])
    with pytest.raises(ValueError, match=r"No such key: 'hyper'.*keys are left, pagedown"):
        Actions(LABELS, keys=[("left", "hyper+a")])
    monkeypatch.setitem(sys.modules, "pynput", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_action\[keys\]'"):
        Actions(LABELS, keys=[("left", "a")])


def test_keys_without_a_screen(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynput", types.ModuleType("pynput"))  # without its keyboard
    with pytest.raises(OSError, match="Keys can't be pressed"):
        Actions(LABELS, keys=[("left", "a")])

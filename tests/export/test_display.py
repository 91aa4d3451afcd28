import sys
import types

import numpy as np
import pytest

from export.display import Window, draw_panel
from keras_action.recognition import GestureEvent

pytest.importorskip("PIL", reason="Pillow is not installed")
LABELS = ("none", "left", "right")
ACCENT = (76, 201, 184)
FRAME = np.zeros((240, 320, 3), "uint8")


def count(picture, color):
    return int((np.abs(picture.astype(int) - color).max(axis=-1) < 8).sum())


def test_panel():
    quiet = draw_panel(FRAME, LABELS, None)
    assert quiet.shape == (240, 320 + 130, 3)
    assert draw_panel(FRAME.repeat(4, 0), LABELS, None).shape == (960, 320 + 260, 3)
    assert count(quiet, ACCENT) == 0
    half, full = (draw_panel(FRAME, LABELS, [0.1, score, 0.0], active_label="left") for score in (0.5, 1.0))
    assert 1.8 < count(full, ACCENT) / count(half, ACCENT) < 2.2
    flash = draw_panel(FRAME, LABELS, None, flash="left")
    assert count(flash[:, :320], ACCENT) > 500
    assert count(flash[:, 320:], ACCENT) == 0


def test_panel_of_many_and_long_labels():
    labels = [f"a gesture with quite a long name, {i}" for i in range(83)]
    picture = draw_panel(FRAME, labels, np.linspace(0, 1, 83).tolist(), flash=labels[3] * 5)
    assert picture.shape == (240, 450, 3)
    assert (picture[:, -8:] == (24, 30, 28)).all()  # nothing runs over the edge


class OpenCV(types.ModuleType):
    """OpenCV's windows, without a screen. `keys` are what is pressed, one a frame."""

    WINDOW_NORMAL = WINDOW_KEEPRATIO = WINDOW_GUI_NORMAL = WND_PROP_VISIBLE = 0
    error = RuntimeError

    def __init__(self, keys=()):
        super().__init__("cv2")
        self.keys, self.shown, self.waits, self.is_visible = list(keys), [], [], True

    def namedWindow(self, *arguments):
        pass

    resizeWindow = destroyAllWindows = namedWindow

    def resize(self, frame, size):
        rows, columns = (np.arange(new) * old // new for new, old in zip(size[::-1], frame.shape, strict=False))
        return frame[rows][:, columns]

    def imshow(self, title, picture):
        self.shown.append(picture)

    def waitKeyEx(self, milliseconds):
        self.waits.append(milliseconds)
        return self.keys.pop(0) if self.keys else -1

    def getWindowProperty(self, *arguments):
        return float(self.is_visible)


@pytest.fixture
def opencv(monkeypatch):
    module = OpenCV()
    monkeypatch.setitem(sys.modules, "cv2", module)
    monkeypatch.setenv("DISPLAY", ":0")
    return module


def make_monitor():
    return types.SimpleNamespace(
        recognizer=types.SimpleNamespace(labels=LABELS), scores=[0.2, 0.7, 0.1], active_label="left", milliseconds=[3.0]
    )


def test_window(opencv):
    window = Window(make_monitor(), mirror=True)
    picture = FRAME.copy()
    picture[:, :160, 0] = 255  # red on the left
    assert window.show(picture)
    shown = opencv.shown[-1]
    assert shown.shape == (480, 640 + 260, 3)
    assert shown[20, 600].tolist() == [0, 0, 255]  # red on the right, as BGR
    assert window.show(np.zeros((2160, 3840, 3), "uint8"))
    assert opencv.shown[-1].shape == (720, 1280 + 260, 3)  # a camera's large frames are made smaller before it is drawn
    window.take([GestureEvent("left", 0, 1, 0.9, 0.5, 1.2)])
    before = count(shown[:, :640, ::-1], ACCENT)
    assert window.show(picture, wait=0.2)
    assert count(opencv.shown[-1][:, :640, ::-1], ACCENT) > before + 1000
    assert opencv.waits[-1] == 200


# The left arrow's code ends in the byte of Q; it must not end the program whose slides it turns.
@pytest.mark.parametrize(("key", "goes_on"), [(ord("q"), False), (27, False), (0x10001B, False), (0xFF51, True)])
def test_keys_that_end(opencv, key, goes_on):
    opencv.keys = [key]
    assert Window(make_monitor()).show(FRAME) is goes_on


def test_a_window_that_was_closed(opencv):
    window = Window(make_monitor())
    opencv.is_visible = False
    assert not window.show(FRAME)


def test_no_window(opencv, monkeypatch):
    def refuse(*arguments):
        raise RuntimeError("not implemented")

    monkeypatch.setattr(opencv, "namedWindow", refuse)
    with pytest.raises(OSError, match=r"OpenCV was built without windows.*pip install opencv-python"):
        Window(make_monitor())
    if sys.platform.startswith("linux"):
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        with pytest.raises(OSError, match="needs a screen"):
            Window(make_monitor())
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="pip install opencv-python"):
        Window(make_monitor())

"""The window of a recogniser, and recordings of it: video, probabilities, events, run time."""

import os
import sys
import time
from collections import deque

import numpy as np

from keras_action.utils.optional_import import optional_import

FLASH_SECONDS = 1.5
_BARS = 9  # maximum; of more classes the most probable are shown
_PANEL = 260  # width in pixels beside frames of at least this height, else smaller
_HEIGHT = 480
_MAX_HEIGHT = 720  # of frames in a window; drawing into larger ones would be slower than the camera
_BACKGROUND, _LINE, _TEXT, _MUTED, _ACCENT = (
    (24, 30, 28),
    (52, 62, 58),
    (233, 239, 236),
    (150, 164, 158),
    (76, 201, 184),
)
_TITLE = "gestures - q ends"
_ENDS = {ord("q"), ord("Q"), 27}  # and Esc


def draw_panel(frame, labels, scores, active_label=None, flash=None, figures=""):
    """Draws probabilities beside a frame, and an event into it.

    Args:
        frame: RGB, uint8 `(H, W, 3)`.
        labels: Names of the classes.
        scores: Their probabilities, or `None` at the start.
        active_label: Label of the current gesture, or `None`.
        flash: Label of an event that has just fired, or `None`.
        figures: Text at the bottom.

    Returns:
        RGB, uint8 `(H, W + 260, 3)`; below a height of 480 the panel is proportionally smaller.

    Raises:
        ImportError: If Pillow is not installed.
    """
    with optional_import("The window", "Pillow", "pillow"):
        from PIL import Image, ImageDraw, ImageFont
    height, width = frame.shape[:2]

    def px(size):
        return max(round(size * min(height / _HEIGHT, 1)), 1)

    image = Image.new("RGB", (width + px(_PANEL), height), _BACKGROUND)
    image.paste(Image.fromarray(frame))
    draw = ImageDraw.Draw(image)
    small, large = ImageFont.load_default(px(15)), ImageFont.load_default(max(height // 14, px(20)))
    scores = [0.0] * len(labels) if scores is None else scores
    order = range(len(labels))
    if len(labels) > _BARS:
        order = sorted(order, key=lambda index: -scores[index])[:_BARS]
    left, right, top = width + px(18), width + px(_PANEL - 18), px(16)
    for index in order:
        is_on = labels[index] == active_label
        draw.text((left, top), _shorten(labels[index], draw, small, px(160)), fill=_TEXT, font=small)
        draw.text((right, top), f"{100 * scores[index]:.0f} %", fill=_MUTED, font=small, anchor="ra")
        bar = (top + px(22), top + px(30))
        draw.rounded_rectangle((left, bar[0], right, bar[1]), px(4), fill=_LINE)
        end = left + (right - left) * min(max(scores[index], 0), 1)
        if end - left >= px(8):
            draw.rounded_rectangle((left, bar[0], end, bar[1]), px(4), fill=_ACCENT if is_on else _MUTED)
        top += px(44)
    draw.multiline_text((left, height - px(16)), figures, fill=_MUTED, font=small, anchor="ld", spacing=px(5))
    if flash is not None:
        flash = _shorten(flash, draw, large, width - px(60))
        middle = (width // 2, int(height * 0.88))
        box = draw.textbbox(middle, flash, font=large, anchor="mm")
        box = (box[0] - px(22), box[1] - px(12), box[2] + px(22), box[3] + px(12))
        draw.rounded_rectangle(box, (box[3] - box[1]) // 2, fill=_ACCENT)
        draw.text(middle, flash, fill=(6, 33, 29), font=large, anchor="mm")
    return np.asarray(image)


def _shorten(text, draw, font, width):
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"


def has_screen():
    """Whether a window can be opened on this machine."""
    return not sys.platform.startswith("linux") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


class _Screen:
    """The pictures of a `Monitor`: frames with probabilities, run time and the labels of events."""

    def __init__(self, monitor):
        self._monitor = monitor
        self._fired = deque()  # labels that are not shown yet; another thread may add some
        self._flash = (None, 0.0)  # label, until when

    def take(self, events):
        """Shows the labels of events."""
        self._fired.extend(event.label for event in events)

    def _draw(self, frame, now, lines=()):
        """The picture of a frame at a time in seconds, with more lines below the run time."""
        while self._fired:
            self._flash = (self._fired.popleft(), now + FLASH_SECONDS)
        label, until = self._flash
        monitor = self._monitor
        last = list(monitor.milliseconds)[-30:]
        lines = [*([f"{np.mean(last):.1f} ms an inference"] if last else []), *lines]
        flash = label if now < until else None
        return draw_panel(
            frame, monitor.recognizer.labels, monitor.scores, monitor.active_label, flash, "\n".join(lines)
        )


class Window(_Screen):
    """A window of OpenCV, for the main thread of a program.

    Args:
        monitor: The `Monitor` whose state is shown.
        mirror: Whether the video is mirrored.

    Raises:
        ImportError: If OpenCV is not installed.
        OSError: If there is no screen, or OpenCV was built without windows.
    """

    def __init__(self, monitor, mirror=False):
        with optional_import("A window", "OpenCV", "opencv-python"):
            import cv2
        if not has_screen():
            raise OSError("A window needs a screen: neither DISPLAY nor WAYLAND_DISPLAY is set.")
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise OSError(
                "OpenCV was built without windows: pip uninstall opencv-python-headless, pip install opencv-python"
            ) from error
        super().__init__(monitor)
        self._cv2, self._mirror = cv2, mirror
        self._has_size = False
        self._shown = []  # times of the last frames

    def show(self, frame, wait=0.001):
        """Shows a frame for at least `wait` seconds. Returns whether the window is still open."""
        cv2, now = self._cv2, time.monotonic()
        frame = frame[:, ::-1] if self._mirror else frame
        height = min(max(len(frame), _HEIGHT), _MAX_HEIGHT)
        if height != len(frame):
            frame = cv2.resize(np.ascontiguousarray(frame), (round(frame.shape[1] * height / len(frame)), height))
        self._shown = [*(shown for shown in self._shown if shown > now - 2), now]
        rate = (len(self._shown) - 1) / (now - self._shown[0]) if len(self._shown) > 1 else None
        picture = self._draw(frame, now, () if rate is None else (f"{rate:.0f} frames/s",))
        if not self._has_size:
            cv2.resizeWindow(_TITLE, picture.shape[1], picture.shape[0])
            self._has_size = True
        cv2.imshow(_TITLE, np.ascontiguousarray(picture[..., ::-1]))
        # Not `waitKey`, which truncates codes to a byte: the left arrow would be Q.
        key = cv2.waitKeyEx(max(round(1000 * wait), 1)) & 0xFFFF
        return key not in _ENDS and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self):
        """Closes the window."""
        self._cv2.destroyAllWindows()


class Film(_Screen):
    """The pictures of a window for a recording, by the times of the frames.

    Args:
        monitor: The `Monitor` whose state is shown.
        height: Height of the pictures, in pixels.
    """

    def __init__(self, monitor, height=_HEIGHT):
        super().__init__(monitor)
        self._height = height

    def picture(self, frame, seconds):
        """The picture of a frame at its time: RGB, uint8, with even sides."""
        from PIL import Image

        width = round(frame.shape[1] * self._height / len(frame))
        frame = np.asarray(Image.fromarray(frame).resize((width, self._height), Image.Resampling.BICUBIC))
        picture = self._draw(frame, seconds)
        return picture[: len(picture) // 2 * 2, : picture.shape[1] // 2 * 2]

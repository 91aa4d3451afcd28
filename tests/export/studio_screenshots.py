"""Draws the pictures of docs/studio.md: a studio of made-up hands, recorded, trained and tried in headless Chromium.

    python -m tests.export.studio_screenshots docs/images

It takes some minutes, most of them the training. With --folder an existing studio is used and kept.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from PIL import Image

from keras_action.data import render_gesture, write_video
from tests.export.studio_browser import GESTURES, choose, click, sprite, studio_page
from tests.export.studio_server import studio_server

TAKES = 12
WIDE, NARROW = (1280, 900), (390, 844)
# Takes are pictured at rest: a player that begins again may be black.
HOLD = """for (const video of document.querySelectorAll("video[src]")) {
  video.pause();
  video.currentTime = Number.isFinite(video.duration) ? video.duration / 2 : 0;
}"""
HELD = """[...document.querySelectorAll("video[src]")].every((video) => {
  const { top, bottom, height } = video.getBoundingClientRect();
  const isSeen = height > 0 && bottom > 0 && top < innerHeight;
  return !isSeen || (!video.seeking && video.readyState >= 2);
})"""
FRAME = "document.getElementById('frame').contentWindow"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder of the pictures")
    parser.add_argument("--folder", type=Path, help="a studio's folder with the same gestures (default: a new one)")
    parser.add_argument("--steps", nargs="+", choices=tuple(STEPS), default=tuple(STEPS), help="default: all")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "my_gestures"
        if not (folder / "clips").exists():
            write_takes(folder / "clips")
        with studio_server(folder) as server, studio_page(server, *WIDE) as browser:
            pictures = Pictures(browser, arguments.output)
            for step in arguments.steps:
                STEPS[step](browser, pictures)
            assert browser.errors == [], browser.errors


def write_takes(clips):
    """Takes of each gesture, as if recorded; one of them shows another gesture."""
    for label, motion in {"none": "none", **GESTURES}.items():
        for number in range(TAKES):
            path = clips / label / f"take_20261129-101500_{number + 1:03}.mp4"
            if not path.exists():
                write_video(path, render_gesture(motion, seed=100 + number), fps=12)
    odd = clips / "left" / "take_20261129-101500_004.mp4"
    write_video(odd, render_gesture("swipe_right", seed=300), fps=12)


class Pictures:
    """Saves pictures of a page at two widths."""

    def __init__(self, browser, output):
        self._browser, self._output = browser, output
        output.mkdir(parents=True, exist_ok=True)

    def save(self, name, dark=False, scroll=None):
        """Saves two pictures; `scroll` is the id of the element at their top."""
        for (width, height), ending in ((WIDE, ""), (NARROW, "_phone")):
            self._resize(width, height)
            self._browser.evaluate(
                f"document.getElementById('{scroll}').scrollIntoView()" if scroll else "scrollTo(0, 0)"
            )
            time.sleep(1)
            self._browser.evaluate(HOLD)
            self._browser.wait_for(HELD)
            time.sleep(0.5)
            path = self._output / f"studio_{name}{ending}.png"
            self._browser.screenshot(path, width, height, dark)
            Image.open(path).convert("RGB").quantize(256, dither=0).save(path, optimize=True)  # a third of the bytes
        self._resize(*WIDE)

    def _resize(self, width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._browser.call("Emulation.setDeviceMetricsOverride", **size)


def draw_record(browser, pictures):
    scene = sprite(render_gesture("zoom_in", seed=100), 8)
    browser.evaluate(f"fakeCamera.setIdle({json.dumps(scene)})")
    choose(browser, "bigger")
    browser.evaluate(f"seconds.value = 10; fakeCamera.clear(); fakeCamera.add({json.dumps({**scene, 'rate': 1})})")
    click(browser, "start")
    browser.wait_for("document.body.dataset.recording === 'recording'")
    browser.evaluate("seconds.value = 2")
    pictures.save("record")
    click(browser, "stop")
    browser.wait_for("document.body.dataset.recording === ''")
    pictures.save("takes", scroll="drop")


def draw_train(browser, pictures):
    browser.evaluate("location.hash = '#train'")
    if browser.evaluate("result.hidden"):
        click(browser, "startTraining" if browser.evaluate("resumeTraining.hidden") else "resumeTraining")
        browser.wait_for("/about/.test(progressText.textContent) || !result.hidden", timeout=3000)
        pictures.save("training")
        browser.wait_for("!result.hidden || !trainingError.hidden", timeout=3000)
    pictures.save("result", dark=True)


def draw_try(browser, pictures):
    browser.evaluate("location.hash = '#try'")
    browser.wait_for(f"{FRAME}.document?.body?.dataset.state === 'ready'", timeout=180)
    empty_picture = sprite(render_gesture("swipe_left", seed=0)[:1], 1)  # the hand is not in view yet
    browser.evaluate(f"{FRAME}.fakeCamera.setIdle({json.dumps(empty_picture)})")
    browser.evaluate(f"{FRAME}.document.getElementById('camera').click()")
    for label in ("left", "bigger", "right"):
        time.sleep(3)
        clip = sprite(render_gesture(GESTURES[label], seed=500), 24)
        browser.evaluate(f"{FRAME}.fakeCamera.play({json.dumps(clip)})")
    time.sleep(4)
    pictures.save("try")


STEPS = {"record": draw_record, "train": draw_train, "try": draw_try}


if __name__ == "__main__":
    main()

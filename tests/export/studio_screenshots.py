"""Draws the pictures of docs/studio.md: a studio of made-up hands, recorded, trained and tried in headless Chromium.

    python -m tests.export.studio_screenshots docs/images

It takes some minutes, most of them the training. With --folder an existing studio is used and kept.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from keras_action.data import render_gesture, write_video
from tests.export.studio_browser import GESTURES, choose, click, sprite, studio_page
from tests.export.studio_server import studio_server

TAKES = 12
WIDE, NARROW = (1280, 900), (390, 844)
FRAME = "document.getElementById('frame').contentWindow"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder of the pictures")
    parser.add_argument("--folder", type=Path, help="a studio's folder with the same gestures (default: a new one)")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "my_gestures"
        if not (folder / "clips").exists():
            write_takes(folder / "clips")
        with studio_server(folder) as server, studio_page(server, *WIDE) as browser:
            draw(browser, arguments.output)
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


def draw(browser, output):
    """Goes through the steps, and saves a picture of each at two widths."""

    def save(name, dark=False):
        for (width, height), ending in ((WIDE, ""), (NARROW, "_phone")):
            browser.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )
            time.sleep(1)
            browser.screenshot(output / f"studio_{name}{ending}.png", width, height, dark)
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=WIDE[0], height=1500, deviceScaleFactor=1, mobile=False
        )

    output.mkdir(parents=True, exist_ok=True)
    scene = sprite(render_gesture("swipe_left", seed=100), 8)
    browser.evaluate(f"fakeCamera.setIdle({json.dumps(scene)})")
    choose(browser, "left")
    browser.evaluate("count.value = 1; seconds.value = 10; fakeCamera.clear()")
    click(browser, "start")
    browser.wait_for("document.body.dataset.recording === 'countdown' && cue.textContent === '1'")
    browser.evaluate(f"fakeCamera.add({json.dumps({**scene, 'rate': 1})})")
    browser.wait_for("document.body.dataset.recording === 'recording'")
    save("record")
    click(browser, "stop")
    browser.wait_for("document.body.dataset.recording === ''")
    browser.evaluate("scrollTo(0, document.body.scrollHeight)")
    time.sleep(1)
    save("takes")

    browser.evaluate("location.hash = '#train'")
    if browser.evaluate("result.hidden"):
        if browser.evaluate("!startTraining.hidden && resumeTraining.hidden"):
            click(browser, "startTraining")
        elif browser.evaluate("!resumeTraining.hidden"):
            click(browser, "resumeTraining")
        browser.wait_for("/about/.test(progressText.textContent) || !result.hidden", timeout=900)
        save("training")
        browser.wait_for("!result.hidden || !trainingError.hidden", timeout=3000)
    save("result", dark=True)

    browser.evaluate("location.hash = '#try'")
    browser.wait_for(f"{FRAME}.document?.body?.dataset.state === 'ready'", timeout=180)
    browser.evaluate(f"{FRAME}.document.getElementById('camera').click()")
    for label in ("left", "bigger", "right"):
        clip = sprite(render_gesture(GESTURES[label], seed=500), 12)
        browser.evaluate(f"{FRAME}.fakeCamera.setIdle({json.dumps({**clip, 'count': 24, 'rate': 0.001})})")
        time.sleep(2)
        browser.evaluate(f"{FRAME}.fakeCamera.play({json.dumps(clip)})")
        time.sleep(4)
    save("try")


if __name__ == "__main__":
    main()

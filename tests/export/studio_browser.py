"""A studio in a real browser, with a made-up hand as its camera."""

import base64
import contextlib
import io

import numpy as np
import pytest

from tests.export.chromium import Chromium

# Names that a person gives, and the made-up motions.
GESTURES = {"left": "swipe_left", "right": "swipe_right", "bigger": "zoom_in", "turn": "rotate_cw", "up": "swipe_up"}

# In place of the camera: a canvas. While the page records, it plays the next clip of the queue, else an empty scene.
CAMERA = """
window.fakeCamera = (() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
  const context = canvas.getContext('2d');
  let [queue, clip, begun, idle, timer] = [[], null, 0, null, null];
  const draw = () => {
    const isOver = clip && performance.now() - begun > 1000 * clip.count / clip.rate;
    if (isOver && !document.body.dataset.recording) clip = null;
    const shown = clip ?? idle;
    if (!shown) { context.fillRect(0, 0, canvas.width, canvas.height); return; }
    const frame = Math.floor((performance.now() - begun) / 1000 * shown.rate);
    const row = Math.min(frame, shown.count - 1);
    const height = shown.image.height / shown.count;
    context.drawImage(shown.image, 0, row * height, shown.image.width, height, 0, 0, canvas.width, canvas.height);
  };
  const decode = async ({ data, count, rate }) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    return { image: await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' })), count, rate };
  };
  const play = () => { clip = queue.shift() ?? null; begun = performance.now(); };
  addEventListener('DOMContentLoaded', () => new MutationObserver(() => {
    if (document.body.dataset.recording === 'recording') play();
    else if (document.body.dataset.recording !== 'long') clip = null;
  }).observe(document.body, { attributes: true, attributeFilter: ['data-recording'] }));
  navigator.mediaDevices.getUserMedia = async () => {
    timer ??= setInterval(draw, 33);
    const stream = canvas.captureStream(30);
    window.fakeTrack = stream.getVideoTracks()[0];
    return stream;
  };
  navigator.mediaDevices.enumerateDevices = async () => [{ kind: 'videoinput', label: 'Canvas', deviceId: 'canvas' }];
  return {
    async add(item) { queue.push(await decode(item)); },
    async setIdle(item) { idle = await decode(item); },
    async play(item) { queue.unshift(await decode(item)); play(); },
    clear() { queue = []; clip = null; },
  };
})();
"""


def sprite(frames, rate):
    """Frames as a JPEG of one below the other, for the fake camera."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    buffer = io.BytesIO()
    image.fromarray(np.concatenate(list(frames))).save(buffer, "JPEG", quality=90)
    return {"data": base64.b64encode(buffer.getvalue()).decode(), "count": len(frames), "rate": rate}


@contextlib.contextmanager
def studio_page(server, width=1280, height=900, camera=CAMERA):
    """The page of a server in Chromium."""
    with Chromium("--autoplay-policy=no-user-gesture-required") as browser:
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        if camera:
            browser.call("Page.addScriptToEvaluateOnNewDocument", source=camera)
        browser.open(server.url)
        browser.wait_for("document.body?.dataset.state === 'ready'", timeout=60)
        yield browser


def click(browser, name):
    browser.evaluate(f"document.getElementById('{name}').click()")


def text(browser, name):
    return browser.evaluate(f"document.getElementById('{name}').innerText")


def press(browser, key, code=None, **options):
    """Presses and releases a key."""
    for kind in ("keyDown", "keyUp"):
        extra = {"text": key} if kind == "keyDown" and len(key) == 1 else {}
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key, **extra, **options)


def add_gesture(browser, label):
    browser.evaluate(f"newLabel.value = {label!r}; document.querySelector('#add').requestSubmit()")
    browser.wait_for(f"document.querySelector('#gestures input:checked')?.value === {label!r}")


def choose(browser, label):
    browser.evaluate(f"document.querySelector('#gestures input[value=\"{label}\"]').click()")


def record(browser, count, seconds=1, pause=0.5, timeout=120):
    """Records takes of the chosen gesture. Returns how many were saved: a busy machine may film too few frames."""
    before = browser.evaluate("takes.children.length")
    values = {"count": count, "seconds": seconds, "pause": pause}
    for name, value in values.items():
        browser.evaluate(f"document.getElementById('{name}').value = {value}")
    click(browser, "start")
    is_over = "document.body.dataset.recording === '' && document.body.dataset.waiting === '0'"
    browser.wait_for(f"start.disabled === false && {is_over}", timeout)
    return browser.evaluate("takes.children.length") - before

"""The studio in a browser, as a person uses it: Chromium without a screen, a made-up hand as its camera.

What records is slow: it runs in real time, and a busy machine films too few frames.
"""

import functools
import itertools
import json
import shutil
import time
from pathlib import Path

import pytest

from keras_action.data import read_annotations, render_gesture, video_info
from tests.export.chromium import find_chromium
from tests.export.studio_browser import (
    GESTURES,
    add_gesture,
    choose,
    click,
    press,
    record,
    sprite,
    studio_page,
    text,
)
from tests.export.studio_server import NO_NETWORK, studio_server, write_model

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")
pytest.importorskip("uvicorn", reason="the extra web is not installed")

RATE = 24  # frames a second: clips of 24 frames are shown in one second


@functools.cache
def hand(label, seed):
    return json.dumps(sprite(render_gesture(label, seed=seed), RATE))


def show_next(browser, label, seeds):
    """The takes that are recorded next."""
    browser.evaluate("fakeCamera.clear()")
    for seed in seeds:
        browser.evaluate(f"fakeCamera.add({hand(label, seed)})")


def record_all(browser, motion, count):
    """Records takes of the chosen gesture, again where a busy machine filmed too few frames."""
    seeds = itertools.count()
    while count:
        show_next(browser, motion, itertools.islice(seeds, count))
        count -= record(browser, count)
    browser.evaluate("document.querySelector('#error button')?.click()")


@pytest.fixture
def page(tmp_path):
    with studio_server(tmp_path / "gestures") as server, studio_page(server) as browser:
        yield server, browser
        assert browser.errors == []


def takes_of(server, label):
    return sorted(path.name for path in (server.folder / "clips" / label).iterdir())


@pytest.mark.slow
def test_record_delete_undo_and_rename(page):
    """The small way: what is on the page is on the disk."""
    server, browser = page
    assert browser.evaluate("[...document.querySelectorAll('#gestures input')].map((x) => x.value)") == ["none"]
    assert "everything else: hands at rest" in text(browser, "advice")
    add_gesture(browser, "swipe left")
    record_all(browser, "swipe_left", 2)
    names = takes_of(server, "swipe left")
    assert len(names) == 2
    assert not browser.evaluate("stage.classList.contains('empty')")  # no hint over the picture
    for name in names:
        info = video_info(server.folder / "clips" / "swipe left" / name)
        assert info.duration == pytest.approx(1.0, abs=0.4)
        assert info.fps < 100
    # The pictures move.
    browser.evaluate("takes.scrollIntoView()")
    browser.wait_for("[...takes.querySelectorAll('video')].every((video) => video.currentTime > 0)", timeout=30)
    browser.evaluate("takes.querySelector('[aria-label^=Delete]').click()")
    browser.wait_for("takes.children.length === 1")
    assert takes_of(server, "swipe left") == names[1:]
    click(browser, "undo")
    browser.wait_for("takes.children.length === 2")
    assert takes_of(server, "swipe left") == names
    click(browser, "rename")
    browser.evaluate("renamed.value = 'Wischen'; renameForm.requestSubmit()")
    browser.wait_for("document.querySelector('#gestures input:checked')?.value === 'Wischen'")
    assert takes_of(server, "Wischen") == names
    click(browser, "remove")
    browser.wait_for("document.querySelectorAll('#gestures input').length === 1")
    assert not (server.folder / "clips" / "Wischen").exists()
    click(browser, "undo")
    browser.wait_for("document.querySelectorAll('#gestures input').length === 2")
    assert takes_of(server, "Wischen") == names
    # A name that a folder can't have is refused with a sentence, and nothing else happens.
    browser.evaluate("newLabel.value = 'a/b'; document.querySelector('#add').requestSubmit()")
    browser.wait_for("!error.hidden")
    assert "can't contain /" in text(browser, "error")
    browser.messages.clear()  # a refused request is an error of the console


@pytest.mark.slow
def test_keyboard_alone(page):
    server, browser = page
    browser.evaluate("newLabel.focus()")
    for letter in "wave":
        press(browser, letter)
    press(browser, "Enter", text="\r", windowsVirtualKeyCode=13)
    browser.wait_for("document.querySelector('#gestures input:checked')?.value === 'wave'")
    browser.evaluate("count.value = 1; seconds.value = 2; document.querySelector('#gestures input:checked').focus()")
    press(browser, "ArrowUp", windowsVirtualKeyCode=38)
    browser.wait_for("document.querySelector('#gestures input:checked').value === 'none'")
    assert browser.evaluate("document.activeElement.value") == "none"  # the list was drawn anew meanwhile
    press(browser, "ArrowDown", windowsVirtualKeyCode=40)
    browser.wait_for("document.querySelector('#gestures input:checked').value === 'wave'")
    show_next(browser, "swipe_left", [0])
    press(browser, " ", code="Space", windowsVirtualKeyCode=32)
    browser.wait_for("document.body.dataset.recording === 'recording'", timeout=20)
    browser.wait_for("takes.children.length === 1", timeout=30)
    assert len(takes_of(server, "wave")) == 1
    # Esc ends a recording, and drops the take that was not over.
    browser.wait_for("document.body.dataset.recording === ''")
    browser.evaluate("document.activeElement.blur()")
    press(browser, " ", code="Space", windowsVirtualKeyCode=32)
    browser.wait_for("document.body.dataset.recording === 'recording'", timeout=20)
    press(browser, "Escape", windowsVirtualKeyCode=27)
    browser.wait_for("document.body.dataset.recording === ''")
    assert text(browser, "status") == "Stopped."
    assert len(takes_of(server, "wave")) == 1


@pytest.mark.slow
def test_a_server_that_is_killed_in_an_upload(page):
    server, browser = page
    add_gesture(browser, "wave")
    kill_in_an_upload(server, browser, "wave", "swipe_left")
    assert len({name.split("_")[1] for name in takes_of(server, "wave")}) == 1


@pytest.mark.slow
def test_a_server_that_is_killed_while_takes_are_sent(page):
    """The page keeps what it can't send, and sends it when the server is back."""
    server, browser = page
    add_gesture(browser, "wave")
    server.kill()
    show_next(browser, "swipe_left", range(2))
    for name, value in (("count", 2), ("seconds", 2), ("pause", 0.5)):
        browser.evaluate(f"document.getElementById('{name}').value = {value}")
    click(browser, "start")
    browser.wait_for("!offline.hidden && offline.textContent.startsWith('The studio')", timeout=60)
    browser.wait_for("document.body.dataset.recording === ''", timeout=60)
    assert "2 recordings wait" in text(browser, "offline")
    assert takes_of(server, "wave") == []
    server.start()
    browser.wait_for("takes.children.length === 2 && offline.hidden", timeout=60)
    assert len(takes_of(server, "wave")) == 2
    assert len(read_annotations(server.folder / "clips", allow_empty_classes=True)) == 2
    browser.messages.clear()  # requests without an answer are errors of the console


def test_video_files_and_what_is_none(page, tmp_path):
    from keras_action.data import write_video

    server, browser = page
    add_gesture(browser, "zoom")
    write_video(tmp_path / "phone.mp4", render_gesture("zoom_in", seed=3), fps=12)
    (tmp_path / "notes.mp4").write_text("no video")
    browser.choose_file("#files", tmp_path / "phone.mp4")
    browser.wait_for("takes.children.length === 1")
    (name,) = takes_of(server, "zoom")
    assert name.endswith(".mp4")
    assert (server.folder / "clips" / "zoom" / name).read_bytes() == (tmp_path / "phone.mp4").read_bytes()
    browser.choose_file("#files", tmp_path / "notes.mp4")
    browser.wait_for("!error.hidden")
    assert text(browser, "error").startswith("notes.mp4: The file can't be read as a video")
    assert takes_of(server, "zoom") == [name]
    browser.messages.clear()


def test_video_files_are_dropped_onto_a_gesture(page, tmp_path):
    """Onto one of the list, or anywhere for the chosen one."""
    from keras_action.data import write_video

    server, browser = page
    for label in ("wave", "zoom"):
        add_gesture(browser, label)
    for number in range(2):
        write_video(tmp_path / f"{number}.mp4", render_gesture("zoom_in", seed=number, num_frames=8), fps=8)
    videos = [str(tmp_path / f"{number}.mp4") for number in range(2)]

    def drag(selector, files, *kinds):
        place = browser.evaluate(
            f"(({{ left, top, width, height }}) => [left + width / 2, top + height / 2])"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        for kind in kinds:
            browser.call("Input.dispatchDragEvent", type=kind, x=place[0], y=place[1], data=data)

    row = "#gestures label:has([value=wave])"
    drag(row, videos, "dragEnter", "dragOver")
    browser.wait_for("document.querySelector('#gestures label.over')?.innerText.startsWith('wave')", timeout=30)
    assert not browser.evaluate("document.getElementById('drop').classList.contains('over')")
    drag(row, videos, "drop")
    browser.wait_for("takes.children.length === 2", timeout=30)
    assert browser.evaluate("document.querySelector('#gestures input:checked').value") == "wave"
    assert browser.evaluate("document.querySelector('.over')") is None
    contents = [(server.folder / "clips" / "wave" / name).read_bytes() for name in takes_of(server, "wave")]
    assert contents == [(tmp_path / f"{number}.mp4").read_bytes() for number in range(2)]
    choose(browser, "zoom")
    drag("#stage", videos[:1], "dragEnter", "dragOver", "drop")
    browser.wait_for("takes.children.length === 1", timeout=30)
    assert [len(takes_of(server, label)) for label in ("wave", "zoom", "none")] == [2, 1, 0]


def test_misclassified_takes_are_watched_deleted_and_recorded_again(tmp_path, clip_file):

    folder, names = tmp_path / "mine", [f"take_20261129-101500_{number:03}.webm" for number in (1, 2, 3)]
    recording = Path(__file__).parents[1] / "data" / "recordings" / "chromium.webm"
    for name in names:
        (folder / "clips" / "red").mkdir(parents=True, exist_ok=True)
        shutil.copy(recording, folder / "clips" / "red" / name)
    write_model(folder, clip_file, [("red", name) for name in (*names[:2], "deleted_long_ago.mp4")])
    with studio_server(folder) as server, studio_page(server) as browser:
        browser.evaluate("location.hash = '#train'")
        browser.wait_for("misclassified.children.length === 2")
        assert text(browser, "misclassified").count("red, recognised as none (70 %)") == 2
        browser.wait_for(
            "[...misclassified.querySelectorAll('video')].every((video) => video.currentTime > 0)", timeout=30
        )
        browser.evaluate("misclassified.querySelector('[aria-label^=Watch]').focus()")
        press(browser, "Enter", text="\r", windowsVirtualKeyCode=13)
        browser.wait_for("look.open && lookVideo.currentTime > 0", timeout=30)
        assert text(browser, "lookTitle") == f"red, {names[0]}"
        click(browser, "lookPause")
        browser.wait_for("lookVideo.paused && lookPause.textContent === 'Play'")
        press(browser, "Escape", windowsVirtualKeyCode=27)
        browser.wait_for("!look.open && document.activeElement.getAttribute('aria-label')?.startsWith('Watch')")
        browser.evaluate("misclassified.querySelector('[aria-label^=Delete]').click()")
        browser.wait_for("misclassified.children.length === 1 && document.activeElement.id === 'undoResult'")
        assert takes_of(server, "red") == names[1:]
        assert text(browser, "resultStatus") == f"Deleted {names[0]} of red."
        click(browser, "undoResult")
        browser.wait_for("misclassified.children.length === 2 && undoResult.disabled")
        assert takes_of(server, "red") == names
        browser.evaluate("misclassified.querySelector('[aria-label^=Record]').click()")
        browser.wait_for("!document.getElementById('record').hidden && takes.children.length === 2")
        assert takes_of(server, "red") == names[1:]
        assert browser.evaluate("[document.querySelector('#gestures input:checked').value, count.value]") == [
            "red",
            "1",
        ]
        assert "in its place" in text(browser, "status")
        assert browser.errors == []


def test_a_training_is_stopped_and_goes_on(tmp_path):
    """By the buttons; what was divided at the beginning stays divided."""
    from keras_action.data import write_video

    folder = tmp_path / "mine"
    for label in ("none", "zoom"):
        for number in range(1, 5):
            path = folder / "clips" / label / f"take_20261129-101500_{number:03}.mp4"
            write_video(path, render_gesture("zoom_in", seed=number, num_frames=8), fps=8)
    with studio_server(folder) as server, studio_page(server) as browser:
        browser.evaluate("location.hash = '#train'")
        click(browser, "startTraining")
        browser.wait_for("!stopTraining.hidden && startTraining.hidden", timeout=60)
        takes = folder / ".studio" / "training" / "takes.csv"
        deadline = time.monotonic() + 120
        while not takes.is_file():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        division = takes.read_text()
        click(browser, "stopTraining")
        browser.wait_for("!resumeTraining.hidden && stopTraining.hidden", timeout=60)
        assert text(browser, "progressText").startswith("Stopped.")
        assert server.request("GET", "/api/training")[1]["phase"] == "stopped"
        browser.open(server.url)  # it is stopped after a reload, too
        browser.wait_for("document.body?.dataset.state === 'ready'")
        browser.evaluate("location.hash = '#train'")
        browser.wait_for("!resumeTraining.hidden && startTraining.textContent === 'Start anew'")
        click(browser, "resumeTraining")
        browser.wait_for("!stopTraining.hidden", timeout=60)
        assert server.request("GET", "/api/training")[1]["phase"] == "running"
        assert takes.read_text() == division
        click(browser, "stopTraining")
        browser.wait_for("!resumeTraining.hidden", timeout=60)
        assert browser.errors == []


@pytest.mark.slow
def test_a_long_take_has_its_truth(page):
    from keras_action.recognition import read_intervals

    server, browser = page
    for label in ("up", "down"):
        add_gesture(browser, label)
    browser.evaluate("seconds.value = 0.5")
    click(browser, "long")
    browser.wait_for("document.body.dataset.recording === 'long'", timeout=30)
    browser.wait_for("/Now: (up|down)/.test(document.getElementById('status').textContent)", timeout=30)
    browser.wait_for("/Now: rest \\(1 of/.test(document.getElementById('status').textContent)", timeout=30)
    click(browser, "stop")
    browser.wait_for(
        "/Saved a long take of 1 gestures/.test(document.getElementById('status').textContent)", timeout=30
    )
    (video,) = (server.folder / "streams").glob("*.webm")
    (interval,) = read_intervals(f"{video}.csv")
    assert interval.label in ("up", "down")
    assert interval.end - interval.start == pytest.approx(1.0, abs=0.3)
    assert interval.end < video_info(video).duration + 0.01


CAMERAS = {
    "none": (
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('x', 'NotFoundError'); }",
        "No camera",
    ),
    "denied": (
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('x', 'NotAllowedError'); }",
        "Access to the camera was denied.",
    ),
    "no recorder": ("delete window.MediaRecorder", "This browser can't record video. Add video files instead."),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CAMERAS)
def test_without_a_camera(page, kind):
    _, browser = page
    code, message = CAMERAS[kind]
    browser.evaluate(f"{code}; 0")
    click(browser, "start")
    browser.wait_for("!error.hidden")
    assert text(browser, "error").startswith(message)
    assert text(browser, "status") == "Not recorded."
    assert browser.evaluate("document.body.dataset.recording") == ""
    assert not browser.evaluate("start.disabled")


@pytest.mark.slow
def test_a_camera_that_vanishes(page):
    server, browser = page
    browser.evaluate("count.value = 3")
    click(browser, "start")
    browser.wait_for("document.body.dataset.recording === 'recording'", timeout=20)
    browser.evaluate("fakeTrack.dispatchEvent(new Event('ended'))")
    browser.wait_for("document.body.dataset.recording === ''")
    assert text(browser, "error").startswith("The camera was disconnected.")
    assert takes_of(server, "none") == []
    browser.evaluate("count.value = 1; seconds.value = 1")
    click(browser, "start")  # there is a way on
    browser.wait_for("takes.children.length === 1", timeout=30)


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_it_fits_the_screen_and_has_names(tmp_path, width, dark):
    """Nothing is wider than the screen; whatever can be pressed is big enough, and has a name for a screen reader."""
    from keras_action.data import write_video

    folder = tmp_path / "gestures"
    long = "a gesture with a very long name, as long as one can be here"
    for label in ("none", long):
        write_video(
            folder / "clips" / label / "take_20261129-101500_001.mp4", render_gesture("zoom_in", seed=3), fps=12
        )
    with studio_server(folder) as server, studio_page(server, width=width, height=800) as browser:
        scheme = "dark" if dark else "light"
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.call("Accessibility.enable")
        for step, least in (("record", 14), ("train", 5), ("try", 3)):
            browser.evaluate(f"location.hash = '#{step}'")
            browser.wait_for(f"!document.getElementById('{step}').hidden")
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            heights = (
                "[...document.querySelectorAll('button, select, a, input[type=text], input[type=number]')]"
                ".map((x) => x.offsetHeight).filter((x) => x > 0)"
            )
            assert min(browser.evaluate(heights)) >= 40
            nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
            roles = {"button", "combobox", "radio", "textbox", "spinbutton", "progressbar", "region", "Video", "link"}
            controls = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
            assert len(controls) >= least
            assert [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")] == []
            assert browser.evaluate("document.activeElement.tagName") in ("H2", "BODY")
        hosts = "[...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin))]"
        assert browser.evaluate(f"{hosts}.every((origin) => origin === location.origin)")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [None, NO_NETWORK], ids=["browser", "server"])
def test_try_in_the_browser_and_on_the_server(tmp_path, clip_file, stream, environment):
    """The page of `serve`, with either recogniser: the events of the recogniser in Python."""
    from keras_action import GestureRecognizer
    from keras_action.data import iter_frames

    recognizer = GestureRecognizer(clip_file)
    expected = [event for time, frame in iter_frames(stream) for event in recognizer.push(frame, time)]
    expected += recognizer.flush()
    write_model(tmp_path / "mine", clip_file)
    with studio_server(tmp_path / "mine", environment=environment) as server, studio_page(server) as browser:
        browser.open(f"{server.url.partition('?')[0]}try/?embedded")
        browser.wait_for("document.body?.dataset.state === 'ready'")
        assert ("The server recognises" in text(browser, "status")) == (environment is not None)
        browser.choose_file("#videoFile", stream)
        browser.wait_for("document.body.dataset.state === 'running'")
        browser.wait_for("document.body.dataset.state === 'ready'")
        found = browser.evaluate("[...document.querySelectorAll('#events li')].reverse().map((x) => x.dataset.label)")
        assert found == [event.label for event in expected]
        assert browser.errors == []


@pytest.mark.slow
def test_from_nothing_to_a_working_file(tmp_path):
    """Five gestures and the background, twelve takes of each, trained, tried, and the file on fresh clips."""
    started = time.monotonic()
    with studio_server(tmp_path / "gestures") as server, studio_page(server, height=1400) as browser:
        for label in GESTURES:
            add_gesture(browser, label)
        for label, motion in {"none": "none", **GESTURES}.items():
            choose(browser, label)
            if label == "none":
                record_all(browser, motion, 11)
                kill_in_an_upload(server, browser, label, motion)
            else:
                record_all(browser, motion, 12)
            assert len(takes_of(server, label)) == 12
        print(f"recorded after {time.monotonic() - started:.0f} s")

        browser.evaluate("location.hash = '#train'")
        assert "72 takes of 6 gestures" in text(browser, "summary")
        click(browser, "startTraining")
        browser.wait_for("/epoch [3-9] of/.test(progressText.textContent)", timeout=2000)
        # Killed in the middle, with the server. Its process ends too, and all is as it was.
        before = json.loads((server.folder / ".studio" / "training" / "status.json").read_text())
        server.kill()
        server.start()
        browser.wait_for("!resumeTraining.hidden", timeout=60)
        assert server.request("GET", "/api/training")[1]["phase"] == "stopped"
        click(browser, "resumeTraining")
        browser.wait_for("/epoch ([4-9]|\\d\\d) of/.test(progressText.textContent) || !result.hidden", timeout=2000)
        assert before["epoch"] >= 2
        browser.open(server.url)  # the page survives its reload
        browser.wait_for("document.body?.dataset.state === 'ready'")
        browser.evaluate("location.hash = '#train'")
        browser.wait_for("!result.hidden || !trainingError.hidden", timeout=3000)
        assert browser.evaluate("trainingError.hidden"), text(browser, "trainingError")
        print(f"trained after {time.monotonic() - started:.0f} s: {text(browser, 'accuracy')}")
        assert "of the same recording sessions" in text(browser, "split")

        # The file, on fresh clips.
        model = tmp_path / "downloaded.tflite"
        model.write_bytes(server.request("GET", "/download")[1])
        assert accuracy(model, seeds=range(100, 105)) >= 0.9

        # The page to try: the right events.
        browser.messages.clear()
        browser.evaluate("location.hash = '#try'")
        frame = "document.getElementById('frame').contentWindow"
        browser.wait_for(f"{frame}.document?.body?.dataset.state === 'ready'", timeout=120)
        browser.evaluate(f"{frame}.fakeCamera.setIdle({json.dumps(sprite(render_gesture('swipe_left', 0)[:1], 1))})")
        browser.evaluate(f"{frame}.document.getElementById('camera').click()")
        browser.wait_for(f"{frame}.document.body.dataset.state === 'running'")
        wanted = ["left", "bigger", "right", "turn", "up"]
        for label in wanted:
            time.sleep(2.5)
            browser.evaluate(f"{frame}.fakeCamera.play({hand(GESTURES[label], 200)})")
            time.sleep(1)
            browser.evaluate(f"{frame}.fakeCamera.clear()")
        time.sleep(3)
        found = browser.evaluate(
            f"[...{frame}.document.querySelectorAll('#events li')].reverse().map(({{ dataset }}) => dataset.label)"
        )
        print(f"tried after {time.monotonic() - started:.0f} s: {found}")
        rest = iter(wanted)
        assert all(label in rest for label in found)  # in this order, and nothing else
        assert len(found) >= 4

        # A take is deleted, and gone from the disk.
        browser.evaluate("location.hash = '#record'")
        choose(browser, "left")
        name = takes_of(server, "left")[0]
        browser.wait_for("takes.children.length === 12")
        browser.evaluate("takes.querySelector('[aria-label^=Delete]').click()")
        browser.wait_for("takes.children.length === 11")
        assert name not in takes_of(server, "left")
        assert browser.errors == []


def kill_in_an_upload(server, browser, label, motion):
    """Records a take over a slow line, and kills the server while it arrives: it is neither lost nor half there."""
    before = takes_of(server, label)
    line = {"offline": False, "latency": 0, "downloadThroughput": -1}
    browser.call("Network.enable")
    browser.call("Network.emulateNetworkConditions", uploadThroughput=20_000, **line)
    show_next(browser, motion, [99])
    for name, value in (("count", 1), ("seconds", 2)):
        browser.evaluate(f"document.getElementById('{name}').value = {value}")
    click(browser, "start")
    server.kill_in_upload(timeout=60)
    assert takes_of(server, label) == before
    browser.wait_for("!offline.hidden && offline.textContent.includes('1 recording waits')", timeout=60)
    browser.call("Network.emulateNetworkConditions", uploadThroughput=-1, **line)
    server.start()
    assert server.uploads == []
    browser.wait_for(f"offline.hidden && takes.children.length === {len(before) + 1}", timeout=60)
    [name] = set(takes_of(server, label)) - set(before)
    assert video_info(server.folder / "clips" / label / name).duration == pytest.approx(2.0, abs=0.5)
    browser.messages.clear()  # requests without an answer are errors of the console


def accuracy(model, seeds):
    """The accuracy of a LiteRT file on new clips of all gestures."""
    import numpy as np

    from keras_action.data import sample_segments
    from keras_action.litert import LiteRTModel
    from keras_action.recognition.frames import resize

    recogniser = LiteRTModel(model)
    labels, size = recogniser.metadata.labels, recogniser.metadata.input_size
    right = []
    for label, motion in {"none": "none", **GESTURES}.items():
        for seed in seeds:
            frames = render_gesture(motion, seed=seed)[sample_segments(24, recogniser.metadata.num_segments)]
            clip = np.stack([resize(frame, size) for frame in frames])[None]
            right.append(labels[int(np.argmax(recogniser(clip)))] == label)
    assert len(right) == 30
    return float(np.mean(right))

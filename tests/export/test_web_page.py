"""The page in a browser, as a person uses it: Chromium without a screen, a video as its camera."""

import functools
import http.server
import itertools
import json
import threading

import pytest

from export.web.runtime import find_runtime
from export.web.server import make_server
from export.web.site import site_files, write_site
from keras_action import GestureRecognizer
from keras_action.data import iter_frames
from tests.export.chromium import Chromium, find_chromium

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed"),
]

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
STATE = "document.body?.dataset.state"
EVENTS = """[...document.querySelectorAll('#events li')].reverse().map(({ dataset: { label, start, end } }) =>
    ({ label, start: Number(start), end: Number(end) }))"""


@pytest.fixture(scope="module")
def runtime():
    try:
        return find_runtime()
    except RuntimeError as error:
        pytest.skip(f"the page's runtime is not here: {error}")


@pytest.fixture
def serve():
    """A function that serves files and returns the address."""
    servers = []

    def serve(files):
        server, url = make_server(files, port=0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return url

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def open_page(browser, url, state="ready"):
    browser.open(url)
    browser.wait_for(f"['ready', 'failed'].includes({STATE})")
    assert browser.evaluate(STATE) == state, text(browser, "error")


def text(browser, name):
    return browser.evaluate(f"document.getElementById('{name}').innerText")


def click(browser, name):
    browser.evaluate(f"document.getElementById('{name}').click()")


def play(browser, path):
    """Opens a video and waits for its end. Returns the events."""
    browser.choose_file("#videoFile", path)
    browser.wait_for(f"{STATE} === 'running'")
    browser.wait_for(f"{STATE} === 'ready'")
    return browser.evaluate(EVENTS)


def recognize(model, video):
    recognizer = GestureRecognizer(model)
    events = [event for timestamp, frame in iter_frames(video) for event in recognizer.push(frame, timestamp)]
    return events + recognizer.flush()


def assert_same_events(found, expected):
    """The browser decodes the video and scales it itself, so that times differ a little."""
    assert [event["label"] for event in found] == [event.label for event in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["start"] == pytest.approx(other.start, abs=0.15)
        assert one["end"] == pytest.approx(other.end, abs=0.15)


@pytest.mark.parametrize("kind", ["clip_file", "stream_file"])
def test_same_gestures_as_in_python(kind, request, serve, runtime, stream):
    model = request.getfixturevalue(kind)
    with Chromium() as browser:
        open_page(browser, serve(site_files([model], runtime)))
        assert_same_events(play(browser, stream), recognize(model, stream))
        assert text(browser, "status").startswith("The video has ended. 3 gestures in 6.")
        assert text(browser, "latency").endswith(" ms")
        assert int(text(browser, "threads")) >= 1
        assert browser.evaluate("crossOriginIsolated")
        # Nothing is asked of anybody else.
        hosts = "[...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin))]"
        assert browser.evaluate(f"{hosts}.every((origin) => origin === location.origin)")
        assert browser.errors == []


def test_a_model_that_has_seen_no_streams_says_so(serve, runtime, clip_file, whole_clips_file):
    with Chromium() as browser:
        open_page(browser, serve(site_files([whole_clips_file, clip_file], runtime)))
        assert text(browser, "warning").startswith("whole_clips.tflite was trained on whole clips")
        assert browser.evaluate("document.getElementById('warning').offsetHeight > 0")
        model = "document.getElementById('model')"
        browser.evaluate(f"{model}.value = 1; {model}.dispatchEvent(new Event('change'))")
        browser.wait_for("document.getElementById('about').innerText.startsWith('clips-int8')")
        assert not browser.evaluate("document.getElementById('warning').offsetHeight > 0")
        assert browser.errors == []


def test_any_web_server_will_do(serve, runtime, clip_file, stream, tmp_path):
    """Without the headers for threads it runs on one."""
    write_site(site_files([clip_file], runtime), tmp_path)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Chromium() as browser:
            open_page(browser, f"http://127.0.0.1:{server.server_port}/")
            assert text(browser, "threads") == "1"
            assert_same_events(play(browser, stream), recognize(clip_file, stream))
        server.shutdown()


@pytest.fixture
def camera(stream, tmp_path):
    """The stream as a file that Chromium takes for a camera: uncompressed, from the beginning again at its end."""
    import av

    path = tmp_path / "camera.y4m"
    with path.open("wb") as file:
        for index, (_, frame) in enumerate(iter_frames(stream)):
            if index == 0:
                file.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420\n" % (frame.shape[1], frame.shape[0]))
            planes = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p").to_ndarray()
            file.write(b"FRAME\n" + planes.tobytes())
    return path


@pytest.mark.parametrize("kind", ["clip_file", "stream_file"])
def test_camera_turns_slides(kind, request, serve, runtime, camera, stream):
    """The gestures of the video are reported again and again, as the Python recogniser reports them once."""
    model = request.getfixturevalue(kind)
    cycle = [event.label for event in recognize(model, stream)]
    assert len(set(cycle)) == 3
    with Chromium(*CAMERA, f"--use-file-for-fake-video-capture={camera}") as browser:
        open_page(browser, serve(site_files([model], runtime)))
        browser.evaluate("nextLabel.value = 'red'; previousLabel.value = 'blue'")
        click(browser, "camera")
        count = len(cycle) + 2
        browser.wait_for(f"document.querySelectorAll('#events li').length >= {count}", timeout=120)
        assert text(browser, "status") == "Running. Make a gesture."
        events, slide = browser.evaluate(f"[{EVENTS}, Number(count.textContent.match(/\\d+/)[0])]")
        labels = [event["label"] for event in events]
        # The camera may have been started, and the page looked at, in the middle of a gesture.
        whole = labels[1:-1]
        first = cycle.index(whole[0])
        assert whole == list(itertools.islice(itertools.cycle(cycle), first, first + len(whole)))
        expected = 1
        for label in labels:
            expected = max(expected + {"red": 1, "blue": -1}.get(label, 0), 1)
        assert slide == expected
        browser.evaluate("video.srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
        browser.wait_for(f"{STATE} === 'ready'")
        assert text(browser, "status").startswith("The camera was disconnected. ")
        click(browser, "camera")
        browser.wait_for(f"{STATE} === 'running' && video.currentTime > 0")
        click(browser, "stop")
        browser.wait_for(f"{STATE} === 'ready'")
        assert text(browser, "status").startswith("Stopped. ")
        assert browser.evaluate("stage.classList.contains('empty')")  # the hint is there again, not a black picture
        assert browser.errors == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "No camera was found."),
        (("--use-fake-device-for-media-stream", "--deny-permission-prompts"), "Access to the camera was denied."),
    ],
)
def test_no_camera(serve, runtime, clip_file, options, message):
    with Chromium(*options) as browser:
        open_page(browser, serve(site_files([clip_file], runtime)))
        click(browser, "camera")
        browser.wait_for("!document.getElementById('error').hidden")
        assert text(browser, "error").startswith(message)
        assert text(browser, "status") == "No camera."
        assert browser.evaluate(STATE) == "ready"


def test_camera_without_a_secure_address(serve, runtime, clip_file):
    """A browser has no `mediaDevices` for http:// pages of other machines."""
    with Chromium("--host-resolver-rules=MAP headset.test 127.0.0.1") as browser:
        url = serve(site_files([clip_file], runtime)).replace("localhost", "headset.test")
        open_page(browser, url)
        assert text(browser, "threads") == "1"  # nor are there threads
        click(browser, "camera")
        browser.wait_for("!document.getElementById('error').hidden")
        assert "https:// addresses and on localhost only" in text(browser, "error")


def test_camera_over_https(runtime, clip_file, camera, certificate):
    """As on a headset: another address than localhost, and a certificate that nobody vouches for."""
    files = site_files([clip_file], runtime)
    server, url = make_server(files, "0.0.0.0", 0, *certificate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ("--ignore-certificate-errors", f"--use-file-for-fake-video-capture={camera}")
    with server, Chromium(*CAMERA, *options) as browser:
        open_page(browser, url)
        assert browser.evaluate("isSecureContext && crossOriginIsolated")
        click(browser, "camera")
        browser.wait_for("document.querySelectorAll('#events li').length >= 1", timeout=60)
        server.shutdown()


def test_file_that_is_no_video(serve, runtime, clip_file, stream, tmp_path):
    bad = tmp_path / "notes.mp4"
    bad.write_text("no video")
    with Chromium() as browser:
        open_page(browser, serve(site_files([clip_file], runtime)))
        browser.choose_file("#videoFile", bad)
        browser.wait_for("!document.getElementById('error').hidden")
        assert "can't play notes.mp4" in text(browser, "error")
        # A browser may also refuse to play what it could.
        browser.evaluate("video.play = async () => { throw new DOMException('not now', 'NotAllowedError'); }; 0")
        browser.choose_file("#videoFile", stream)
        browser.wait_for("document.getElementById('error').innerText.endsWith('not now')")
        assert browser.evaluate(STATE) == "ready"
        assert text(browser, "status") == "Stopped by an error."
        browser.evaluate("delete video.play")
        assert len(play(browser, stream)) == 3  # it goes on
        assert browser.evaluate("document.getElementById('error').hidden")


def test_more_gestures_than_the_list_holds(serve, runtime, clip_file, stream):
    with Chromium() as browser:
        open_page(browser, serve(site_files([clip_file], runtime)))
        event = {"label": "red", "start": 0, "end": 1, "score": 1, "fired": 1}
        answer = json.dumps({"events": [event] * 10, "scores": None, "milliseconds": 1, "runs": 1})
        browser.evaluate(
            f"import('/recognition.js').then((x) => {{ x.Recognition.prototype.push = async () => ({answer}); }})"
        )
        assert len(play(browser, stream)) == 200
        status = text(browser, "status")
        frames = int(status.split()[-2])
        assert frames > 20
        assert f" {10 * frames} gestures in " in status


def test_model_that_does_not_run(serve, runtime, clip_file, stream_file, stream):
    """The page says so, and offers the other one."""
    files = site_files([clip_file, stream_file], runtime)
    files["models/clips-int8.tflite"] = b"no model"
    with Chromium() as browser:
        open_page(browser, serve(files), state="failed")
        assert "can't run clips-int8.tflite" in text(browser, "error")
        browser.evaluate("document.querySelector('#error button').click()")
        browser.wait_for(f"{STATE} === 'ready'")
        assert text(browser, "about").startswith("frames-int8.tflite")
        assert_same_events(play(browser, stream), recognize(stream_file, stream))


def test_no_models(serve, runtime, clip_file):
    files = site_files([clip_file], runtime)
    del files["models.json"]
    with Chromium() as browser:
        open_page(browser, serve(files), state="failed")
        assert "models.json: 404" in text(browser, "error")


def test_models_and_threshold_can_be_changed(serve, runtime, clip_file, stream_file, stream):
    with Chromium() as browser:
        open_page(browser, serve(site_files([clip_file, stream_file], runtime)))
        browser.evaluate("model.value = 1; model.dispatchEvent(new Event('change'))")
        browser.wait_for(f"{STATE} === 'ready' && about.textContent.startsWith('frames-int8')")
        browser.evaluate("threshold.value = 0.99; threshold.dispatchEvent(new Event('input'))")
        assert text(browser, "thresholdValue") == "99 %"
        labels = [event["label"] for event in play(browser, stream)]
        assert labels == [event.label for event in recognize(stream_file, stream) if event.score > 0.99]


def test_slides_and_keys(serve, runtime, clip_file, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    with Chromium() as browser:
        open_page(browser, serve(site_files([clip_file], runtime)))
        browser.evaluate("deck.focus()")
        for key, slide in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
            for kind in ("keyDown", "keyUp"):
                browser.call("Input.dispatchKeyEvent", type=kind, key=key)
            assert text(browser, "count") == f"Slide {slide} of 5"
        for number in (2, 10, 1):
            image.new("RGB", (64, 36), (20 * number, 0, 0)).save(tmp_path / f"page{number}.png")
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        node = browser.call("DOM.querySelector", nodeId=root, selector="#slideFiles")["nodeId"]
        files = [str(path) for path in tmp_path.glob("page*.png")]
        browser.call("DOM.setFileInputFiles", nodeId=node, files=files)
        browser.wait_for("count.textContent === 'Slide 1 of 3'")
        names = []
        for _ in range(3):
            names.append(browser.evaluate("deck.querySelector('img').alt"))
            click(browser, "next")
        assert names == ["Slide: page1.png", "Slide: page2.png", "Slide: page10.png"]
        assert text(browser, "count") == "Slide 3 of 3"  # and there it stays


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_fits_the_screen_and_has_names(serve, runtime, clip_file, stream_file, width):
    """Nothing is wider than the screen; whatever can be pressed is big enough, and has a name for a screen reader."""
    with Chromium() as browser:
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
        )
        open_page(browser, serve(site_files([clip_file, stream_file], runtime)))
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        heights = "[...document.querySelectorAll('button, select')].map((x) => x.offsetHeight).filter((x) => x > 0)"
        assert min(browser.evaluate(heights)) >= 44
        browser.call("Accessibility.enable")
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        roles = {"button", "combobox", "checkbox", "slider", "progressbar", "region", "list", "Video"}
        controls = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles - {"list"}]
        assert len(controls) >= 15
        nameless = [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")]
        assert nameless == [], json.dumps(nameless)

"""The page's files, its server and its runtime; its JavaScript against the Python that it was ported from."""

import dataclasses
import hashlib
import http.client
import io
import json
import shutil
import signal
import ssl
import subprocess
import sys
import tarfile
import threading
import urllib.request
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from export.web import main, runtime
from export.web.server import make_server
from export.web.site import site_files, write_site
from keras_action.recognition import (
    EventDetector,
    EventSettings,
    GestureRecognizer,
    WindowDetector,
    WindowEventSettings,
)
from keras_action.recognition.frames import resize, resize_and_crop
from tests.export.javascript import run_javascript
from tests.litert.color_model import LABELS
from tests.recognition.fakes import MeanStream, RedModel, RedStream

NAMES = ("none", "left", "right", "up")
SETTINGS = [
    {"smoothing": 0.0, "min_duration": 0.0, "merge_gap": 0.0, "refractory": 0.0},
    {},
    {"firing": "early", "min_duration": 0.2},
    {"smoothing_kind": "exponential", "margin": 0.3, "on_threshold": 0.6, "off_threshold": 0.2},
    {"smoothing_kind": "exponential", "smoothing": 0.0, "refractory": 1.0, "ignore": ["LEFT", "None"]},
    {"merge_gap": 1.0, "on_threshold": 0.5, "off_threshold": 0.5, "min_duration": 0.5, "firing": "early"},
]


def to_dicts(events):
    names = ("label", "start", "end", "score", "peak", "fired")
    return [{name: getattr(event, name) for name in names} for event in events]


def assert_same_events(found, expected):
    assert [event["label"] for event in found] == [event["label"] for event in expected]
    for one, other in zip(found, expected, strict=True):
        assert {**one, "label": 0} == pytest.approx({**other, "label": 0}, abs=1e-6)


def test_event_detector():
    """Random logits that wander, at uneven times: the same events, whatever the settings."""
    rng = np.random.default_rng(0)
    cases = []
    for settings in SETTINGS:
        logits = 6 * np.cumsum(rng.standard_normal((600, len(NAMES))), axis=0)
        logits -= 0.98 * np.apply_along_axis(lambda x: np.convolve(x, np.ones(15) / 15, "same"), 0, logits)
        times = np.cumsum(rng.uniform(0.02, 0.2, 600))
        settings = EventSettings(**settings)
        rows = list(zip(logits.tolist(), times.tolist(), (times + 0.5).tolist(), strict=True))
        cases.append({"labels": NAMES, "settings": settings.to_dict(), "rows": rows})
    code = """
        const { EventDetector } = await import(BASE + "event_detector.js");
        return value.map(({ labels, settings, rows }) => {
          const detector = new EventDetector(labels, settings);
          const events = rows.flatMap(([logits, time, now]) => detector.push(logits, time, now));
          return [...events, ...detector.flush()];
        });
    """
    for case, found in zip(cases, run_javascript(code, cases), strict=True):
        detector = EventDetector(case["labels"], EventSettings.from_dict(case["settings"]))
        expected = [event for row in case["rows"] for event in detector.push(*row)] + detector.flush()
        assert len(expected) > 5  # else it is no test
        assert_same_events(found, to_dicts(expected))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"smoothing": 0.0, "wait": 0.0, "refractory": 0.0, "max_overlap": 0.0},
        {"smoothing_kind": "exponential", "margin": 0.3, "max_overlap": 0.6, "on_threshold": 0.5},
        {"wait": 3.0, "refractory": 1.0, "on_threshold": 0.4, "ignore": ["LEFT"]},
        {"firing": "early", "on_threshold": 0.5},
    ],
)
def test_window_detector(options):
    """The same for windows of several lengths."""
    rng = np.random.default_rng(0)
    lengths = (0.8, 1.3, 2.4)
    settings = WindowEventSettings.for_windows(lengths, **options)
    logits = 6 * np.cumsum(rng.standard_normal((900, len(lengths), len(NAMES))), axis=0)
    logits -= 0.98 * np.apply_along_axis(lambda x: np.convolve(x, np.ones(15) / 15, "same"), 0, logits)
    ends = np.cumsum(rng.uniform(0.1, 0.3, 900))
    rows = [
        (row.tolist(), end - length / 2, end, length)
        for end, together in zip(ends.tolist(), logits, strict=True)
        for length, row in zip(lengths, together, strict=True)
    ]
    code = """
        const { WindowDetector } = await import(BASE + "window_detector.js");
        const detector = new WindowDetector(value.labels, value.settings);
        const states = [];
        const events = value.rows.flatMap((row) => {
          const found = detector.push(...row);
          states.push([detector.activeLabel, detector.smoothed.time]);
          return found;
        });
        return [[...events, ...detector.flush()], states];
    """
    found, states = run_javascript(code, {"labels": NAMES, "settings": settings.to_dict(), "rows": rows})
    detector, expected = WindowDetector(NAMES, settings), []
    for row, (label, time) in zip(rows, states, strict=True):
        expected += detector.push(*row)
        assert (detector.active_label, detector.smoothed.time) == (label, pytest.approx(time))
    expected += detector.flush()
    assert len(expected) > 10  # else it is no test
    assert_same_events(found, to_dicts(expected))


def test_event_detector_refuses_what_is_no_logits():
    code = """
        const { EventDetector } = await import(BASE + "event_detector.js");
        return value.rows.map((rows) => {
          const detector = new EventDetector(["none", "left"], value.settings);
          try {
            for (const [logits, time] of rows) detector.push(logits, time);
          } catch (error) {
            return error.message;
          }
        });
    """
    rows = [[[[0, 1, 2], 0]], [[[0, None], 0]], [[[0, 1], 1], [[0, 1], 1]], [[[0, 1], 0], [[0, 1], 1]]]
    messages = run_javascript(code, {"rows": rows, "settings": EventSettings().to_dict()})
    assert ["2 finite logits" in (message or "") for message in messages] == [True, True, False, False]
    assert "must be finite and increase" in messages[2]
    assert messages[3] is None


@pytest.mark.parametrize(
    ("size", "target"),
    [((24, 32), (16, 16)), ((33, 17), (16, 16)), ((9, 13), (16, 16)), ((16, 16), (16, 16)), ((48, 20), (12, 20))],
)
@pytest.mark.parametrize(("name", "function"), [("resizeAndCrop", resize_and_crop), ("resize", resize)])
def test_resize_and_crop(size, target, name, function):
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype("uint8")
    rgba = np.concatenate([frame, np.full((*size, 1), 255, "uint8")], axis=2)
    code = """
        const frames = await import(BASE + "frames.js");
        return Array.from(frames[value.name](Uint8ClampedArray.from(value.pixels), ...value.size, ...value.target));
    """
    found = run_javascript(code, {"pixels": rgba.ravel().tolist(), "size": size, "target": target, "name": name})
    expected = function(frame, target).astype(int).ravel()
    difference = np.abs(np.array(found) - expected)
    assert difference.max() <= 1  # a sum may be rounded the other way
    assert difference.mean() < 0.01


RECOGNIZER = """
    const { GestureRecognizer } = await import(BASE + "recognizer.js");
    const red = (frame) => frame.filter((_, index) => index % 3 === 0).reduce((sum, x) => sum + x, 0) / 64 / 255;
    const mean = (clip) => clip.reduce((sum, frame) => sum + red(frame), 0) / clip.length;
    const models = {
      clip: { predict: async (clip) => [0, 40 * (mean(clip) - 0.5)] },
      stream: { step: async (frame) => [0, 40 * (red(frame) - 0.5)], reset() {} },
    };
    if (value.averageOver) { // the mean is taken in the model
      let last = [];
      const step = async (frame) => {
        last = [red(frame), ...last].slice(0, value.averageOver);
        return [0, last.reduce((sum, x) => sum + 40 * (x - 0.5), 0) / value.averageOver];
      };
      models.stream = { step, averageOver: value.averageOver, reset() { last = []; } };
    }
    const recognizer = new GestureRecognizer(models[value.description.kind], value.description);
    const events = [];
    for (const [timestamp, value_] of value.frames) {
      const pixels = new Uint8ClampedArray(12 * 16 * 4);
      for (let i = 0; i < pixels.length / 4; i++) if (value.columns.includes(i % 16)) pixels[4 * i] = value_;
      events.push(...(await recognizer.push({ pixels, height: 12, width: 16 }, timestamp)));
    }
    return [...events, ...(await recognizer.flush())];
"""


@pytest.mark.parametrize("kind", ["clip", "stream", "mean", "lengths", "crop_to_aspect_ratio"])
def test_recognizer(kind):
    """The same frames, with an uneven clock and a gap: the same events."""
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.12, 240))
    times[120:] += 5  # a gap ends the stream
    red = [(1, 2.2), (4, 5.5), (12, 13.5), (16, 17)]
    windows = {"stride": 0.2, "smoothing": 0.25} if kind == "lengths" else {}
    settings = WindowEventSettings.for_windows((0.6, 1.0), **windows) if windows else EventSettings.for_clips(1.0)
    model = {"stream": RedStream(), "mean": MeanStream(3)}.get(kind, RedModel())
    crop_to_aspect_ratio = kind != "crop_to_aspect_ratio"
    recognizer = GestureRecognizer(
        model, ("none", "red"), clip_seconds=1.0, settings=settings, crop_to_aspect_ratio=crop_to_aspect_ratio
    )
    # A crop would leave out the outer columns, and half of what it leaves would be red: too little for any event.
    columns = [0, 1, *range(5, 11), 14, 15] if not crop_to_aspect_ratio else list(range(16))
    frames = [(time, 255 * any(start <= time < end for start, end in red)) for time in times.tolist()]
    expected = []
    for time, value in frames:
        picture = np.zeros((12, 16, 3), "uint8")
        picture[:, columns, 0] = value
        expected += recognizer.push(picture, time)
    expected = to_dicts(expected + recognizer.flush())
    assert len(expected) >= (3 if crop_to_aspect_ratio else 1)
    description = {
        "kind": "stream" if kind in ("stream", "mean") else "clip",
        "labels": ("none", "red"),
        "clip_seconds": 1.0,
        "num_segments": 4,
        "input_size": (8, 8),
        "crop_to_aspect_ratio": crop_to_aspect_ratio,
        "settings": settings.to_dict(),
    }
    average_over = 3 if kind == "mean" else None
    value = {"description": description, "frames": frames, "columns": columns, "averageOver": average_over}
    assert_same_events(run_javascript(RECOGNIZER, value), expected)


DESCRIPTION = {
    "labels": ("none", "red"),
    "clip_seconds": 1.0,
    "num_segments": 4,
    "input_size": (8, 8),
    "crop_to_aspect_ratio": True,
    "settings": EventSettings.for_clips(1.0).to_dict(),
}

CAMERA = """
    const { GestureRecognizer } = await import(BASE + "recognizer.js");
    let now = 0;
    performance.now = () => 1000 * now;
    const look = async (frame) => {
      now += value.took;
      return [0, 40 * (frame[0] / 255 - 0.5)];
    };
    const models = { clip: { predict: (clip) => look(clip.at(-1)) }, stream: { step: look, reset() {} } };
    const recognizer = new GestureRecognizer(models[value.description.kind], value.description);
    const events = [];
    for (; now < 40; now += 0.03) {
      if (now > 20 && now < 30) now = 30; // the camera is covered
      const pixels = new Uint8ClampedArray(8 * 8 * 4).fill(now > 5 && now < 30 ? 255 : 0);
      events.push(...(await recognizer.push({ pixels, height: 8, width: 8 }, now, true)));
    }
    return [...events, ...(await recognizer.flush())];
"""


@pytest.mark.parametrize("took", [0.01, 1.4, 4.0])
@pytest.mark.parametrize("kind", ["clip", "stream"])
def test_model_that_is_slower_than_its_window(kind, took):
    """What a camera shows while the model is at work is no gap; what it does not show is one."""
    events = run_javascript(CAMERA, {"description": DESCRIPTION | {"kind": kind}, "took": took})
    assert [event["label"] for event in events] == ["red"]
    assert events[0]["start"] == pytest.approx(5, abs=0.6 + 2 * took)
    # Without the gap it would go on until 30 s.
    assert events[0]["end"] == pytest.approx(20, abs=0.6 + 2 * took)


WARM_UP = """
    const { GestureRecognizer } = await import(BASE + "recognizer.js");
    return Promise.all(value.map(async (description) => {
      let runs = 0;
      const look = async () => {
        runs += 1;
        throw new Error("this file can't run");
      };
      const model = description.kind === "clip" ? { predict: look } : { step: look, reset() {} };
      const message = await new GestureRecognizer(model, description).warmUp().catch((error) => error.message);
      return [runs, message];
    }));
"""


def test_warm_up_runs_the_model():
    """Whatever the windows, a file that can't run says so before the first frame."""
    lengths = (None, (0.5,), (2.5,), (0.6, 5.0))
    settings = [
        WindowEventSettings.for_windows(length).to_dict()
        if length and len(length) > 1
        else EventSettings.for_clips(1.0, window_seconds=length).to_dict()
        for length in lengths
    ]
    clips = [DESCRIPTION | {"kind": "clip", "settings": each} for each in settings]
    found = run_javascript(WARM_UP, [*clips, DESCRIPTION | {"kind": "stream"}])
    assert found == [[1, "this file can't run"]] * 5


FILE = """
    const context = { drawImage() {}, getImageData: () => ({}) };
    (globalThis.document ??= {}).createElement = () => ({ getContext: () => context });
    const { FrameSource } = await import(BASE + "source.js");
    const callbacks = [];
    const rates = [];
    let [next, rewinds] = [0, 0];
    const missed = new Set(value.missed);
    const video = {
      videoWidth: 8,
      videoHeight: 8,
      duration: value.times.at(-1) + 0.033,
      playbackRate: 1,
      paused: false,
      ended: false,
      play: async () => {},
      pause() {},
      removeAttribute() {},
      requestVideoFrameCallback: (callback) => callbacks.push(callback),
      set currentTime(time) {
        rewinds += 1;
        next = value.times.indexOf(time);
      },
    };
    const pushed = [];
    const recognition = {
      push: async (frame, time) => { pushed.push(time); },
      flush: async () => {},
    };
    let reason = null;
    const onEnd = (why) => { reason = why; };
    const handlers = { onResult() {}, onEnd, onError: ({ message }) => onEnd(message) };
    const source = new FrameSource(video, recognition, handlers);
    await source.startFile(new Blob());
    let most = 0; // of the callbacks that wait at one time
    while (reason === null) {
      if (next === value.times.length) video.onended();
      else {
        const mediaTime = value.times[next++];
        rates.push(video.playbackRate);
        // The browser shows it, but the page is too busy to be told, once.
        if (!missed.delete(mediaTime)) for (const callback of callbacks.splice(0)) callback(0, { mediaTime });
        most = Math.max(most, callbacks.length);
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    return { pushed, rewinds, reason, most, rate: rates.at(-1) };
"""


@pytest.mark.parametrize("missed", [[], [5, 70]])
@pytest.mark.parametrize("gaps", [[], [10, 11, 30, 50, 60]])
def test_every_frame_of_a_file(missed, gaps):
    """A missed frame is played again. A file's own gaps are found out once, and do not make it slower for good."""
    times = np.cumsum([0.067 + index % 2 / 1000 if index in gaps else 0.033 for index in range(80)]).tolist()
    found = run_javascript(FILE, {"times": times, "missed": [times[index] for index in missed]})
    assert found["reason"] == "The video has ended."
    assert found["most"] == 1
    if not gaps:
        assert found["pushed"] == times
        assert found["rewinds"] == len(missed)
        assert found["rate"] == pytest.approx(0.7 ** len(missed))
    else:
        assert found["rewinds"] == 3 + bool(missed)  # the frame that is missed later leaves a gap like the file's own
        assert found["pushed"] == [time for time in times if time != times[70] or not missed]
        assert found["rate"] == pytest.approx(0.7 if missed else 1)


@pytest.fixture(scope="session")
def fake_runtime(tmp_path_factory):
    """The runtime's folder with made-up files."""
    folder = tmp_path_factory.mktemp("runtime")
    for name, files in runtime.FILES.items():
        for file in files:
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('import { createWasmLib } from "@litertjs/wasm-utils";')
    return folder


def test_site(clip_file, stream_file, fake_runtime, tmp_path):
    settings = EventSettings(on_threshold=0.8).save(tmp_path / "events.json")
    files = site_files([clip_file, stream_file], fake_runtime, settings)
    clips, frames = json.loads(files["models.json"])["models"]
    assert (clips["kind"], frames["kind"]) == ("clip", "stream")
    assert clips["labels"] == list(LABELS)
    assert clips["crop_to_aspect_ratio"] is True
    assert clips["inputs"] == [
        {"name": "clip", "dtype": "uint8", "shape": [1, 4, 16, 16, 3], "scale": 1, "zero_point": 0}
    ]
    states = [tensor for tensor in frames["inputs"] if tensor["name"].startswith("state_")]
    assert {tensor["dtype"] for tensor in states} == {"int8"}
    assert {tensor["name"] for tensor in states} < {tensor["name"] for tensor in frames["outputs"]}
    assert EventSettings.from_dict(clips["settings"]) == EventSettings(on_threshold=0.8)
    write_site(files, tmp_path / "site")
    assert (tmp_path / "site" / clips["url"]).read_bytes() == clip_file.read_bytes()
    assert (tmp_path / "site/index.html").is_file()
    # A browser finds no package by its name.
    assert '"../../wasm-utils/dist/index.js"' in (tmp_path / "site/runtime/core/dist/index.js").read_text()


def test_settings_of_a_file(clip_file, fake_runtime, tmp_path):
    """The page takes them, with the operating points for its slider, unless other settings are given."""
    from keras_action.litert import read_metadata, write_metadata

    path = tmp_path / "tuned.tflite"
    shutil.copy(clip_file, path)
    metadata = read_metadata(path)
    tuned = EventSettings.for_clips(1.0, on_threshold=0.55)
    points = [{"on_threshold": 0.55, "detection_rate": 0.9, "false_alarms_per_minute": 0.5, "duplicates": 0}]
    extra = {**metadata.extra, "event_settings": tuned.to_dict(), "operating_points": points}
    write_metadata(path, dataclasses.replace(metadata, extra=extra))

    def described(*settings):
        return json.loads(site_files([path], fake_runtime, *settings)["models.json"])["models"][0]

    assert (described()["settings"], described()["operating_points"]) == (tuned.to_dict(), points)
    other = EventSettings.for_clips(1.0, on_threshold=0.8)
    assert described()["warning"] is None
    given = described(other.save(tmp_path / "events.json"))
    assert (given["settings"], given["operating_points"]) == (other.to_dict(), None)


def test_a_model_that_has_seen_no_streams_says_so(clip_file, whole_clips_file, fake_runtime, tmp_path, capsys):
    """On the page, and where it is served; not if settings are given, as tuned on streams."""
    site, settings = tmp_path / "site", EventSettings.for_clips(1.0).save(tmp_path / "events.json")

    def warnings(*arguments):
        main([*map(str, arguments), "--runtime", str(fake_runtime), "--output", str(site)])
        models = json.loads((site / "models.json").read_text())["models"]
        return [model["warning"] for model in models], capsys.readouterr().err

    (first, second), printed = warnings(clip_file, whole_clips_file)
    assert first is None
    assert second.startswith("whole_clips.tflite was trained on whole clips: in a stream it may detect few gestures")
    assert "keras-action train --recipe streams" in second and "\n" not in second
    assert printed == f"warning: {second}\n"
    assert warnings(clip_file) == ([None], "")
    assert warnings(whole_clips_file, "--settings", settings) == ([None], "")


def test_recognizers_of_the_page(clip_file, fake_runtime):
    """Without a runtime its files are not there, and the server recognises."""
    both = site_files([clip_file], fake_runtime, server=True)
    assert json.loads(both["models.json"])["recognizers"] == ["browser", "server"]
    none = site_files([clip_file], None, server=True)
    assert json.loads(none["models.json"])["recognizers"] == ["server"]
    assert not [name for name in none if name.startswith("runtime/")]


SENSITIVITY = """
    const { Sensitivity } = await import(BASE + "sensitivity.js");
    const listeners = [];
    const threshold = { addEventListener: (_, run) => listeners.push(run), setAttribute() {} };
    const elements = { threshold, thresholdName: {}, thresholdValue: {} };
    const chosen = [];
    const sensitivity = new Sensitivity(elements, (value) => chosen.push(value));
    const texts = [];
    for (const points of [value.points, null]) {
      sensitivity.offer({ settings: { on_threshold: 0.55 }, operating_points: points });
      const { min, max, value: place } = threshold;
      texts.push([elements.thresholdName.textContent, min, max, place, elements.thresholdValue.textContent]);
      threshold.value = max;
      for (const run of listeners) run();
    }
    return [texts, chosen];
"""


def test_sensitivity_is_an_operating_point():
    rows = [(0.9, 0.5, 0.0), (0.55, 0.9, 0.5), (0.3, 1.0, 2.25)]
    names = ("on_threshold", "detection_rate", "false_alarms_per_minute")
    points = [dict(zip(names, row, strict=True)) for row in rows]
    texts, chosen = run_javascript(SENSITIVITY, {"points": points})
    assert texts[0] == ["Sensitivity", 0, 2, 1, "90 % detected, 0.5 false alarms/min"]
    assert texts[1] == ["Threshold", 0.3, 0.99, 0.55, "55 %"]
    assert chosen == [0.3, 0.99]


def test_server(clip_file, fake_runtime):
    server, url = make_server(site_files([clip_file], fake_runtime), port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with server:
        connection = http.client.HTTPConnection("localhost", server.server_port)
        types = {
            "/": "text/html",
            "/app.js?x=1": "text/javascript",
            "/models/clips-int8.tflite": "application/octet-stream",
            "/runtime/core/wasm/litert_wasm_internal.wasm": "application/wasm",
            "/models.json": "application/json",
        }
        for path, kind in types.items():
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            assert (response.status, response.headers["Content-Type"]) == (200, kind)
            assert len(body) == int(response.headers["Content-Length"])
            # What a page needs to use threads.
            assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        connection.request("HEAD", "/")
        assert connection.getresponse().read() == b""
        for path in ("/missing", "/../conftest.py", "/..%2fconftest.py", "/models/"):
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.status == 404
        with pytest.raises(OSError, match="Try another --port"):
            make_server({}, port=server.server_port)
        server.shutdown()
    assert url == f"http://localhost:{server.server_port}/"


def test_bad_certificate(tmp_path):
    path = tmp_path / "cert.pem"
    path.write_text("no certificate")
    with pytest.raises(OSError, match=r"cert\.pem can't be used"):
        make_server({}, port=0, certificate=path)


def test_https(certificate):
    server, url = make_server({"index.html": b"hello"}, "0.0.0.0", 0, *certificate)
    assert url.startswith("https://")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = ssl.create_default_context(cafile=certificate[0])
    context.check_hostname = False
    with server:
        connection = http.client.HTTPSConnection("127.0.0.1", server.server_port, context=context)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        server.shutdown()


@pytest.fixture
def npm(monkeypatch, tmp_path):
    """A registry with packages of made-up files, and what is asked of it."""
    archives, asked = {}, []
    for name, files in runtime.FILES.items():
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
            for file in (*files, "dist/more.js", "../outside.js"):
                content = f"{name} {file}".encode()
                entry = tarfile.TarInfo(f"package/{file}")
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
        archives[f"/@litertjs/{name}/-/{name}-{runtime.VERSION}.tgz"] = buffer.getvalue()
    checksums = {
        name: b64encode(hashlib.sha512(archive).digest()).decode()
        for name, archive in zip(runtime.FILES, archives.values(), strict=True)
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(archives[self.path])))
            self.end_headers()
            self.wfile.write(archives[self.path])

        def log_message(self, *arguments):
            pass

    monkeypatch.setattr(runtime, "PACKAGES", checksums)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


def test_runtime_is_fetched_once(npm, tmp_path):
    folder = runtime.find_runtime()
    assert len(npm) == 2
    assert runtime.find_runtime() == folder
    assert len(npm) == 2
    assert folder == tmp_path / "cache/keras_action" / f"litertjs-{runtime.VERSION}"
    assert (folder / "core/dist/index.js").read_text() == "core dist/index.js"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {f"{name}/{file}" for name, files in runtime.FILES.items() for file in files}
    (folder / "core/dist/index.js").unlink()  # somebody tidied up
    runtime.find_runtime()
    assert len(npm) == 4
    assert list(folder.parent.iterdir()) == [folder]


def test_runtime_that_is_not_what_was_expected(npm, monkeypatch, tmp_path):
    monkeypatch.setitem(runtime.PACKAGES, "core", "0000")
    with pytest.raises(RuntimeError, match=r"core-.*tgz is not the expected file. Expected sha512 0000.* Received: "):
        runtime.find_runtime()
    assert list((tmp_path / "cache/keras_action").iterdir()) == []


def test_no_network(monkeypatch, tmp_path, clip_file, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(SystemExit) as exit:
        main([str(clip_file), "--output", str(tmp_path / "site")])
    assert exit.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("error: http://127.0.0.1:9/@litertjs/core/-/core-")
    assert "npm install @litertjs/core" in message and "--runtime" in message
    assert not (tmp_path / "site").exists()


def failure(arguments, capsys):
    """Returns what `main` writes to standard error when it exits with status 2."""
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    assert exit.value.code == 2
    return capsys.readouterr().err


def test_program(clip_file, fake_runtime, tmp_path, capsys):
    site = tmp_path / "site"
    main([str(clip_file), "--runtime", str(fake_runtime), "--output", str(site)])
    assert f"files in {site}" in capsys.readouterr().out
    assert (site / "models/clips-int8.tflite").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_program_serves_until_interrupted(clip_file, fake_runtime):
    command = [sys.executable, "-m", "export.web", clip_file, "--runtime", fake_runtime, "--port", "0"]
    # A shell's background jobs, and so their children, are started with interrupts turned off.
    own = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True, **own) as process:
        url = process.stdout.readline().split()[1]
        with urllib.request.urlopen(f"{url}models.json") as response:
            assert json.load(response)["models"][0]["name"] == clip_file.name
        process.send_signal(signal.SIGINT)
        try:
            assert process.communicate(timeout=60)[0].splitlines()[-1] == "ended"
        finally:
            process.kill()
    assert process.returncode == 0


def test_bad_input(clip_file, stream_file, fake_runtime, tmp_path, capsys):
    from keras_action.litert import Metadata, write_metadata

    text = tmp_path / "text.tflite"
    text.write_text("no model")
    bare = tmp_path / "bare.tflite"
    shutil.copy(clip_file, bare)
    write_metadata(bare, Metadata(labels=None, num_segments=4, input_size=(16, 16)))
    windows = EventSettings(window_seconds=1.0).save(tmp_path / "windows.json")
    unknown = EventSettings(ignore=("purple",)).save(tmp_path / "unknown.json")
    with_runtime = ["--runtime", fake_runtime]
    cases = {
        "is not a LiteRT file": [text, *with_runtime],
        "missing.tflite": [tmp_path / "missing.tflite", *with_runtime],
        "must carry its labels": [bare, *with_runtime],
        "different file names": [clip_file, clip_file, *with_runtime],
        "without windows": [stream_file, "--settings", windows, *with_runtime],
        "purple": [clip_file, "--settings", unknown, *with_runtime],
        "without core/package.json": [clip_file, "--runtime", tmp_path],
        "--key needs --certificate": [clip_file, "--key", "key.pem"],
        "--port 70000": [clip_file, "--port", "70000"],
    }
    for message, arguments in cases.items():
        assert message in failure(arguments, capsys)


def test_does_without_tensorflow(clip_file, fake_runtime, tmp_path):
    code = (
        "import sys; from export.web import main; main(sys.argv[1:]); "
        "print({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))"
    )
    options = ["--runtime", str(fake_runtime), "--output", str(tmp_path / "site")]
    result = subprocess.run([sys.executable, "-c", code, str(clip_file), *options], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "set()"

"""The studio's folder and its server. tests/export/test_studio_page.py has its page."""

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from export.studio.job import write_result
from export.studio.names import check_label, is_take_name, session_of
from export.studio.project import NotFoundError, Project
from keras_action.data import read_annotations, render_gesture, write_video
from tests.data.live_webm import live_webm

pytest.importorskip("av", reason="the extra video is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")
pytest.importorskip("uvicorn", reason="the extra web is not installed")

from tests.export.studio_server import NO_NETWORK, studio_server, write_model

SESSION = "20261129-101500"


@pytest.fixture(scope="module")
def webm():
    """A take as a browser sends it."""
    frames = render_gesture("zoom_in", seed=0, num_frames=12, size=(48, 64))
    return live_webm(frames, np.cumsum([0, *[0.05, 0.08, 0.1] * 3, 0.09, 0.05]))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "mine")


def add_take(project, label, content, session=SESSION, suffix=".webm"):
    path = project.new_upload()
    path.write_bytes(content)
    return project.add_take(label, path, session, suffix)


# === Names ===


@pytest.mark.parametrize("label", ["wave", "Daumen hoch", "挥手", "a.b", "x" * 60])
def test_names_of_gestures(label):
    assert check_label(f" {label} ") == label


@pytest.mark.parametrize(
    "label",
    [
        "",
        "  ",
        ".",
        "..",
        ".hidden",
        "a/b",
        "..\\b",
        "a\0b",
        "a\nb",
        "x" * 61,
        "con",
        "LPT1.txt",
        "end.",
        "a:b",
        "a*",
        7,
        None,
    ],
)
def test_what_is_no_name_of_a_gesture(label):
    with pytest.raises(ValueError, match=r"name|folder"):
        check_label(label)


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b.mp4", "a\\b.mp4", "C:a.mp4", "a\0.mp4", "x" * 256, None])
def test_what_is_no_name_of_a_take(name):
    assert not is_take_name(name)


def test_sessions_are_in_the_names_of_takes():
    assert session_of("take_20261129-101500_003.webm") == SESSION
    assert session_of("IMG_0042.mov") is None


# === The folder ===


def test_a_new_folder_has_the_background(project):
    assert project.labels() == ["none"]
    assert project.takes("none") == []
    assert not project.can_undo()


def test_takes_are_files_of_the_standard_layout(project, webm):
    project.add_gesture("wave")
    names = [add_take(project, "wave", webm).name for _ in range(2)]
    assert names == [f"take_{SESSION}_001.webm", f"take_{SESSION}_002.webm"]
    add_take(project, "none", webm)
    annotations = read_annotations(project.clips)
    assert annotations.labels == ("none", "wave")
    assert [clip.label for clip in annotations.clips] == ["none", "wave", "wave"]
    assert {clip.group for clip in project.annotations().clips} == {SESSION}


def test_a_folder_filled_by_hand(tmp_path):
    clips = tmp_path / "clips"
    write_video(clips / "wave" / "my video.mp4", render_gesture("zoom_in", seed=0, num_frames=8), fps=8)
    frames = clips / "clap" / "first"
    frames.mkdir(parents=True)
    (frames / "00001.jpg").write_bytes(b"")
    (clips / "wave" / "notes.txt").write_text("")
    (clips / ".cache").mkdir()
    project = Project(tmp_path)
    assert project.labels() == ["clap", "wave"]
    assert [take.name for label in project.labels() for take in project.takes(label)] == ["first", "my video.mp4"]
    assert len({clip.group for clip in project.annotations().clips}) == 1  # their sessions are not known


def test_gestures_are_renamed_and_removed(project, webm):
    project.add_gesture("wave")
    add_take(project, "wave", webm)
    assert project.rename_gesture("wave", "Wave") == "Wave"
    assert project.rename_gesture("Wave", "clap") == "clap"
    assert len(project.takes("clap")) == 1
    for label in ("CLAP", "none", "None"):
        with pytest.raises(ValueError, match="already"):
            project.add_gesture(label)
    with pytest.raises(ValueError, match="already"):
        project.rename_gesture("clap", "none")
    for change in (lambda: project.remove_gesture("none"), lambda: project.rename_gesture("none", "rest")):
        with pytest.raises(ValueError, match="none"):
            change()
    project.remove_gesture("clap")
    assert project.labels() == ["none"]
    with pytest.raises(NotFoundError):
        project.takes("clap")


@pytest.mark.parametrize("label", ["..", "../..", "/etc", "", ".", "wave/..", "nope", "clips"])
def test_only_gestures_that_are_there_are_found(project, label):
    for call in (project.takes, project.remove_gesture, lambda name: project.rename_gesture(name, "other")):
        with pytest.raises(NotFoundError):
            call(label)


def test_deletions_are_taken_back_in_turn(project, webm):
    project.add_gesture("wave")
    takes = [add_take(project, "wave", webm).name for _ in range(3)]
    project.delete_take("wave", takes[0])
    project.delete_take("wave", takes[2])
    assert [take.name for take in project.takes("wave")] == [takes[1]]
    project.remove_gesture("wave")
    assert project.undo() == "wave"
    assert [take.name for take in project.takes("wave")] == [takes[1]]
    # Its name was given again.
    assert add_take(project, "wave", webm).name == takes[2]
    assert project.undo() == "wave"
    assert [take.name for take in project.takes("wave")] == [
        takes[1],
        takes[2],
        takes[2].replace(".webm", "_again.webm"),
    ]
    assert project.undo() == "wave"
    assert project.undo() is None
    assert next(take.name for take in project.takes("wave")) == takes[0]


def test_a_take_of_a_removed_gesture_is_taken_back(project, webm):
    project.add_gesture("wave")
    name = add_take(project, "wave", webm).name
    project.delete_take("wave", name)
    project.remove_gesture("wave")
    project.add_gesture("wave")
    assert [project.undo(), project.undo()] == ["wave", "wave"]
    assert [take.name for take in project.takes("wave")] == [name]


@pytest.mark.parametrize("name", ["../take.webm", "..", "", ".studio", "take_x.webm", "/etc/passwd"])
def test_only_takes_that_are_there_are_found(project, webm, name):
    add_take(project, "none", webm)
    for call in (project.take_path, project.delete_take):
        with pytest.raises(NotFoundError):
            call("none", name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda webm: {"content": b"no video"}, "read as a video"),
        (lambda webm: {"content": b""}, "read as a video: the file is empty"),
        (lambda webm: {"content": webm[:300]}, "read as a video"),
        (lambda webm: {"content": webm, "suffix": ".txt"}, "suffix of a video"),
        (lambda webm: {"content": webm, "suffix": "/../../x.webm"}, "suffix of a video"),
        (lambda webm: {"content": webm, "suffix": None}, "suffix of a video"),
        (lambda webm: {"content": webm, "session": "../../x"}, "session"),
        (lambda webm: {"content": webm, "session": None}, "session"),
    ],
)
def test_what_is_no_take(project, webm, change, message):
    with pytest.raises(ValueError, match=message):
        add_take(project, "none", **change(webm))
    assert project.takes("none") == []
    assert [path.name for path in project.clips.iterdir()] == ["none"]


@pytest.mark.parametrize(("frames", "message"), [(2, "too short: 2 frames"), (70, "too long: 70 s")])
def test_takes_that_are_too_short_or_too_long(project, tmp_path, frames, message):
    path = write_video(tmp_path / "video.mp4", np.zeros((frames, 32, 32, 3), "uint8"), fps=1) and tmp_path / "video.mp4"
    with pytest.raises(ValueError, match=message):
        add_take(project, "none", path.read_bytes(), suffix=".mp4")


def test_long_takes_have_their_truth(project, webm):
    from keras_action.recognition import read_intervals

    project.add_gesture("wave")
    path = project.new_upload()
    path.write_bytes(webm)
    truth = [{"label": "wave", "start": 0.1, "end": 0.4}, {"label": "none", "start": 0.4, "end": 0.5}]
    video = project.add_stream(path, [*truth, {"label": "wave", "start": 0.5, "end": 99}], SESSION, ".webm")
    assert project.long_takes() == [video]
    assert video.name == f"stream_{SESSION}_001.webm"
    found = read_intervals(f"{video}.csv")
    assert [(interval.label, interval.start) for interval in found] == [("wave", 0.1), ("wave", 0.5)]
    assert found[-1].end < 1.5  # the video's
    for bad in (
        [],
        None,
        {},
        [1],
        [{"label": "x", "start": 0, "end": 1}],
        [{**truth[0], "end": 0}],
        [{"label": "wave"}],
    ):
        with pytest.raises(ValueError, match=r"truth|at least one"):
            path.write_bytes(webm)
            project.add_stream(path, bad, SESSION, ".webm")
    assert project.long_takes() == [video]


def test_a_session_ends_with_half_an_hour_of_rest(project, webm, monkeypatch):
    first = project.session()
    take = add_take(project, "none", webm, session="20200101-000000")
    assert project.session() == "20200101-000000"
    later = time.time() + 1900
    monkeypatch.setattr(time, "time", lambda: later)
    assert project.session() >= first
    assert take.session == "20200101-000000"


def test_the_token_stays(project):
    token = project.token()
    assert len(token) >= 32
    assert Project(project.folder).token() == token
    path = project.folder / ".studio" / "token"
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o077 == 0
    path.write_text("short")
    assert project.token() not in (token, "short")


# === The server ===


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with studio_server(tmp_path_factory.mktemp("studio") / "mine") as server:
        yield server


def files_outside(server):
    """All files around the project's folder, with their content."""
    root = server.folder.parent
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and server.folder not in path.parents}


def test_the_way_of_a_take(server, webm):
    assert server.request("POST", "/api/gestures", {"label": "Hände hoch?"})[0] == 400
    assert server.request("POST", "/api/gestures", {"label": "Hände hoch"}) == (201, {"label": "Hände hoch"})
    address = "/api/gestures/H%C3%A4nde%20hoch"
    status, take = server.request("POST", f"{address}/takes?session={SESSION}&suffix=.webm", webm)
    assert status == 201
    url = f"/takes/H%C3%A4nde%20hoch/{take['name']}"
    assert server.request("GET", url) == (200, webm)
    state = server.request("GET", "/api/state")[1]
    assert state["gestures"][1] == {"label": "Hände hoch", "takes": [{"name": take["name"], "session": SESSION}]}
    assert state["session"] == SESSION
    assert (server.folder / "clips" / "Hände hoch" / take["name"]).read_bytes() == webm
    assert server.request("DELETE", f"{address}/takes/{take['name']}")[0] == 204
    assert server.request("GET", url)[0] == 404
    assert server.request("POST", "/api/undo", {}) == (200, {"label": "Hände hoch"})
    assert server.request("GET", url)[0] == 200
    assert server.request("PATCH", address, {"label": "clap"}) == (200, {"label": "clap"})
    assert server.request("DELETE", "/api/gestures/clap")[0] == 204
    assert server.request("GET", "/api/state")[1]["canUndo"]


def test_training_needs_takes(server):
    """What is missing is said in words, by the process of the training."""
    assert server.request("POST", "/api/training", {"resume": True})[0] == 400
    assert server.request("POST", "/api/training", {})[0] == 202
    deadline = time.monotonic() + 120
    while (status := server.request("GET", "/api/training")[1])["phase"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert status["phase"] == "failed"
    assert "at least one gesture besides" in status["message"]
    assert server.request("GET", "/download")[0] == 404
    assert server.request("GET", "/try/models.json")[0] == 404


def test_the_token_is_needed(server):
    for path in ("/", "/api/state", "/studio.js", "/api/training"):
        assert server.request("GET", path, headers={})[0] == 401
        assert server.request("GET", path, headers={"Authorization": "Bearer x"})[0] == 401
    assert server.request("GET", "/?token=wrong", headers={})[0] == 401
    connection = http.client.HTTPConnection("localhost", server.port)
    connection.request("GET", f"/?token={server.token}")
    response = connection.getresponse()
    assert response.status == 303
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    cookie = {"Cookie": cookie.partition(";")[0]}
    assert server.request("GET", "/", headers=cookie)[0] == 200
    assert server.request("GET", "/recorder.js", headers=cookie)[0] == 200
    assert server.request("GET", "/source.js", headers=cookie)[0] == 200  # shared with `serve`
    # A cookie alone may read; a page of another address has no `Origin` of ours.
    own = {"Origin": f"http://localhost:{server.port}"}
    assert server.request("POST", "/api/undo", {}, cookie)[0] == 403
    assert server.request("POST", "/api/undo", {}, cookie | own)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "https://localhost:{port}"},
        {"Host": "evil.example:{port}"},
        {"Host": "localhost.evil.example"},
        {"Host": "192.168.0.7:{port}"},
        {"Host": ""},
        {"Host": "evil@localhost"},
        {"Host": "localhost:x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_others_are_refused(server, headers):
    headers = {name: value.format(port=server.port) for name, value in headers.items()}
    headers["Authorization"] = f"Bearer {server.token}"
    assert server.request("POST", "/api/training", {}, headers)[0] in (400, 403)
    assert server.request("POST", "/api/gestures", {"label": "evil"}, headers)[0] in (400, 403)
    assert "evil" not in [gesture["label"] for gesture in server.request("GET", "/api/state")[1]["gestures"]]


def test_answers_forbid_other_addresses(server):
    connection = http.client.HTTPConnection("localhost", server.port)
    connection.request("GET", "/", headers={"Authorization": f"Bearer {server.token}"})
    headers = connection.getresponse().headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"  # for threads
    assert "Access-Control-Allow-Origin" not in headers


TRAVERSALS = [
    "/..%2f..%2fsecret.txt",
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%5csecret.txt",
    "//etc/passwd",
    "/server.py",
    "/%00",
    "/takes/none/..%2f..%2f..%2fsecret.txt",
    "/takes/..%2f..%2f/secret.txt",
    "/takes/../../secret.txt",
    "/takes/..%2f.studio/token",
    "/takes/%2e%2e/secret.txt",
    "/try/..%2f..%2fsecret.txt",
    "/api/gestures/..%2f..%2f/takes",
]


@pytest.mark.parametrize("path", TRAVERSALS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH", "PUT"])
def test_no_path_leads_outside(server, webm, path, method):
    (server.folder.parent / "secret.txt").write_text("secret")
    before = files_outside(server)
    status, content = server.request(method, path, None if method == "GET" else webm)
    assert 400 <= status < 500
    assert b"secret" not in (content if isinstance(content, bytes) else json.dumps(content).encode())
    assert files_outside(server) == before


@pytest.mark.parametrize("label", ["../evil", "..", "/tmp/evil", "a\0b", "", "x" * 5000, {"a": 1}, ["a"], 1e400, None])
def test_no_name_makes_a_path(server, label):
    before = files_outside(server)
    for method, path in (("POST", "/api/gestures"), ("PATCH", "/api/gestures/none")):
        status, content = server.request(method, path, {"label": label})
        assert status == 400
        assert isinstance(content["error"], str)
    assert files_outside(server) == before


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"\xff\xfe", b"{", b"[" * 60_000, b'{"label": ' + b"9" * 5000 + b"}"]
)
def test_what_is_no_json(server, body):
    assert server.request("POST", "/api/gestures", body)[0] == 400


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b"no video", f"session={SESSION}&suffix=.webm"),
        (b"", f"session={SESSION}&suffix=.webm"),
        (b"#!/bin/sh\n", f"session={SESSION}&suffix=.sh"),
        (None, "session=..%2f..%2f&suffix=.webm"),
        (None, f"session={SESSION}&suffix=%2f..%2fx.webm"),
        (None, ""),
    ],
)
def test_what_is_no_take_is_refused_with_a_sentence(server, webm, body, query):
    status, content = server.request("POST", f"/api/gestures/none/takes?{query}", webm if body is None else body)
    assert status == 400
    assert content["error"].endswith((".", "video."))
    assert server.request("GET", "/api/state")[1]["gestures"][0] == {"label": "none", "takes": []}


def test_bodies_that_are_too_large_are_not_read(server):
    """A gigabyte that is announced, and one that is sent in parts without a length."""
    head = (
        f"POST /api/gestures/none/takes?session={SESSION}&suffix=.webm HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        f"Authorization: Bearer {server.token}\r\n"
    )
    with socket.create_connection(("localhost", server.port), timeout=30) as connection:
        connection.sendall(f"{head}Content-Length: {2**30}\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")
    part = b"100000\r\n" + bytes(2**20) + b"\r\n"
    sent = 0
    with socket.create_connection(("localhost", server.port), timeout=30) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(ConnectionError):
            while sent < 1024:
                connection.sendall(part)
                sent += 1
    assert 199 <= sent < 400
    assert server.uploads == []
    assert server.request("POST", "/api/gestures", b'{"label": "' + b"x" * 2**17 + b'"}')[0] == 413
    assert server.request("GET", "/api/state")[0] == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 1000,
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"POST /api/gestures HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/gestures HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{",
    ],
)
def test_what_is_no_http(server, data):
    with socket.create_connection(("localhost", server.port), timeout=5) as connection, contextlib.suppress(OSError):
        connection.sendall(data)
        connection.settimeout(1)
        assert not connection.recv(100).startswith(b"HTTP/1.1 2")
    assert server.request("GET", "/api/state")[0] == 200


@pytest.mark.parametrize("each", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_thousand_takes_at_once(server, webm, each):
    """In the fast tests a hundred. None is lost, none is half there, and the server goes on."""
    total = 50 * each
    statuses, lock = [], threading.Lock()

    def send(count):
        for _ in range(count):
            path = f"/api/gestures/crowd/takes?session={SESSION}&suffix=.webm"
            status, _ = server.request("POST", path, webm, timeout=300)
            with lock:
                statuses.append(status)

    assert server.request("POST", "/api/gestures", {"label": "crowd"})[0] == 201
    threads = [threading.Thread(target=send, args=(each,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert server.request("GET", "/api/state", timeout=60)[0] == 200
    for thread in threads:
        thread.join()
    assert statuses == [201] * total
    paths = list((server.folder / "clips" / "crowd").iterdir())
    assert len(paths) == total
    assert all(path.read_bytes() == webm for path in paths)
    if total == 1000:
        path = f"/api/gestures/crowd/takes?session={SESSION}&suffix=.webm"
        status, content = server.request("POST", path, webm)
        assert (status, content["error"]) == (400, "A gesture can have 1000 takes at most.")
    assert server.request("DELETE", "/api/gestures/crowd")[0] == 204


def test_a_server_that_is_killed_in_an_upload(tmp_path, webm):
    """The take is absent, and its part is gone after the restart."""
    with studio_server(tmp_path / "mine") as server:
        token = server.token
        head = (
            f"POST /api/gestures/none/takes?session={SESSION}&suffix=.webm HTTP/1.1\r\n"
            f"Host: localhost:{server.port}\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(webm)}\r\n\r\n"
        )
        with socket.create_connection(("localhost", server.port)) as connection:
            connection.sendall(head.encode() + webm[: len(webm) // 2])
            server.kill_in_upload(timeout=30)
        server.start()
        assert server.uploads == []
        assert server.token == token  # an open page goes on
        assert server.request("GET", "/api/state")[1]["gestures"] == [{"label": "none", "takes": []}]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_a_training_ends_with_its_server(tmp_path, webm):
    """However the server ends. Afterwards the training is stopped, and can be resumed."""
    with studio_server(tmp_path / "mine") as server:
        assert server.request("POST", "/api/gestures", {"label": "wave"})[0] == 201
        for label in ("none", "wave"):
            for _ in range(4):
                path = f"/api/gestures/{label}/takes?session={SESSION}&suffix=.webm"
                assert server.request("POST", path, webm)[0] == 201
        assert server.request("POST", "/api/training", {})[0] == 202
        status, content = server.request("POST", "/api/training", {})
        assert (status, content["error"]) == (400, "A training is running already.")
        jobs = _jobs(server.folder)
        assert len(jobs) == 1
        server.kill()
        deadline = time.monotonic() + 60
        while _jobs(server.folder):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.start()
        assert server.request("GET", "/api/training")[1]["phase"] == "stopped"
        assert server.request("POST", "/api/training", {"resume": True})[1]["phase"] == "running"
        assert server.request("DELETE", "/api/training")[1]["phase"] == "stopped"
        assert _jobs(server.folder) == []


def _jobs(folder):
    """The processes that train on a studio's folder."""
    jobs = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if str(folder) in words and any(word.endswith("studio.job") for word in words):
                jobs.append(path.parent.name)
    return jobs


def test_the_result_of_a_training(project, clip_file, tmp_path):
    """The page shows the accuracy and the misclassified takes; the file has its settings and operating points."""
    from keras_action.evaluation import EvaluationReport
    from keras_action.litert import read_metadata
    from keras_action.recognition import EventSettings, OperatingPoint

    paths = ("clips/red/a.webm", "clips/green/b.webm", "clips/blue/c.webm", "clips/none/d.webm")
    logits = np.eye(4)[[1, 2, 1, 0]] * 3.0  # of none, red, green, blue: the third take is recognised as red
    evaluation = EvaluationReport(("none", "red", "green", "blue"), paths, [1, 2, 3, 0], logits)
    points = [OperatingPoint(0.5, 0.9, 2.0, 0), OperatingPoint(0.7, 0.8, 1.0, 0), OperatingPoint(0.9, 0.8, 1.0, 0)]
    file = tmp_path / "gestures.tflite"
    file.write_bytes(clip_file.read_bytes())
    numbers = [
        write_result(project, file, EventSettings(on_threshold=0.7), points, evaluation, {"by_session": False})
        for _ in range(2)
    ]
    assert numbers == [1, 2]
    assert sorted(path.name for path in project.model.iterdir()) == [
        "evaluation_2.json",
        "gestures_2.tflite",
        "result.json",
    ]
    result = json.loads((project.model / "result.json").read_text())
    assert (result["accuracy"], result["file"]) == (0.75, "gestures_2.tflite")
    assert result["interval"] == pytest.approx([0.301, 0.954], abs=0.001)  # Wilson's, of 3 of 4
    [mistake] = result["misclassified"]
    assert mistake == {
        "label": "blue",
        "name": "c.webm",
        "predicted": "red",
        "probability": pytest.approx(0.870, abs=1e-3),
    }
    extra = read_metadata(project.model / result["file"]).extra
    assert extra["event_settings"]["on_threshold"] == 0.7
    assert [point["on_threshold"] for point in extra["operating_points"]] == [0.9, 0.7, 0.5]


def test_the_server_recognises(tmp_path, clip_file, stream):
    """Where the browser's runtime can't be fetched: the same events as of the recogniser in Python."""
    from keras_action import GestureRecognizer
    from keras_action.data import iter_frames
    from keras_action.recognition.frames import resize_and_crop

    write_model(tmp_path / "mine", clip_file)
    recognizer = GestureRecognizer(clip_file)
    frames = [(time, resize_and_crop(frame, recognizer.input_size)) for time, frame in iter_frames(stream)]
    expected = [event for time, frame in frames for event in recognizer.push(frame, time)] + recognizer.flush()
    assert len(expected) == 3
    with studio_server(tmp_path / "mine", environment=NO_NETWORK) as server:
        models = server.request("GET", "/try/models.json")[1]
        assert models["recognizers"] == ["server"]
        assert models["models"][0]["labels"] == ["none", "red", "green", "blue"]
        assert server.request("GET", "/try/runtime/core/dist/index.js")[0] == 404
        assert server.request("GET", "/try/")[0] == 200

        def ask(action, body=None, page="page"):
            status, answer = server.request("POST", f"/try/recognizer/{page}/{action}", body)
            return answer if status == 200 else (status, answer["error"])

        assert ask("frame?timestamp=0", b"x")[0] == 404  # not loaded yet
        assert ask("load") == {}
        for _ in range(2):
            answers = [ask(f"frame?timestamp={time}", frame.tobytes()) for time, frame in frames]
            answers.append(ask("flush"))
            found = [event for answer in answers for event in answer["events"]]
            assert [(event["label"], event["start"]) for event in found] == [
                (event.label, pytest.approx(event.start)) for event in expected
            ]
            assert sum(answer["runs"] for answer in answers) == recognizer.num_inferences
            assert len(answers[-2]["scores"]) == 4
            assert ask("reset") == {}
        settings = recognizer.settings.with_on_threshold(0.99).to_dict()
        assert ask("settings", settings) == {}
        assert ask("settings", {"on_threshold": 7})[0] == 400
        assert ask("frame?timestamp=nan", frames[0][1].tobytes())[0] == 400
        assert ask("frame?timestamp=99", b"too few")[0] == 400
        with contextlib.suppress(ConnectionError):  # the server does not read to the end
            assert ask("frame?timestamp=99", bytes(2**23))[0] == 413
        for number in range(4):
            assert ask("load", page=f"other{number}") == {}
        assert ask("reset")[0] == 404  # given up for the other pages
        status, content = server.request("GET", "/download")
        assert (status, content) == (200, clip_file.read_bytes())


def test_over_https_for_a_phone(tmp_path, certificate):
    """Numeric addresses are accepted then, names are not: DNS rebinding needs one."""
    options = ("--host", "0.0.0.0", "--certificate", str(certificate[0]), "--key", str(certificate[1]))
    context = ssl.create_default_context(cafile=certificate[0])
    context.check_hostname = False
    with studio_server(tmp_path / "mine", *options) as server:
        assert server.url.startswith("https://")

        def ask(host, path="/api/state", headers=None):
            connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context)
            headers = {"Authorization": f"Bearer {server.token}"} if headers is None else headers
            connection.request("GET", path, headers={"Host": host, **headers})
            return connection.getresponse()

        assert ask(f"192.168.0.7:{server.port}").status == 200
        assert ask(f"evil.example:{server.port}").status == 403
        response = ask("127.0.0.1", f"/?token={server.token}", {})
        assert response.status == 303
        assert "Secure" in response.headers["Set-Cookie"]


def test_bad_arguments(tmp_path, capsys):
    from export.studio import main

    for arguments, message in (
        (["x", "--key", "k.pem"], "--key needs --certificate"),
        (["x", "--port", "70000"], "--port 70000"),
        ([str(tmp_path / "mine"), "--runtime", str(tmp_path)], "without core/package.json"),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2
        assert message in capsys.readouterr().err


def test_it_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['uvicorn'] = None\nfrom export.studio import main; main([sys.argv[1]])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 2
    assert "pip install 'keras_action[web]'" in done.stderr

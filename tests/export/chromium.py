"""A headless Chromium, driven over a pipe by its DevTools protocol: no driver and no package is needed."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium():
    """The path of a Chromium, or `None`."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """A browser with one page. To be used in a `with` statement.

    Args:
        *options: More options of the command line.
    """

    def __init__(self, *options):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        # The browser reads commands from its descriptor 3 and writes to its 4.
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()
        commands, answers = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in self._closing(commands, answers))

        def connect():
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self._browser = subprocess.Popen(
            [
                find_chromium(),
                "--headless=new",
                "--remote-debugging-pipe",
                f"--user-data-dir={self._profile.name}",
                "--no-sandbox",
                "--no-first-run",
                "--disable-gpu",
                "--disable-background-networking",
                "--mute-audio",
                *options,
                "about:blank",
            ],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in (commands, answers, *self._replaced):
            os.close(end)
        self._buffer = b""
        self._numbers = itertools.count(1)
        self._session = None
        self.messages = []  # the page's console, and its errors
        target = self.call("Target.getTargets")["targetInfos"]
        page = next(info["targetId"] for info in target if info["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "DOM", "Log"):
            self.call(f"{domain}.enable")

    def _closing(self, *ends):
        self._replaced = ends
        return ends

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        os.close(self._commands)
        os.close(self._answers)
        os.killpg(self._browser.pid, signal.SIGKILL)
        self._browser.wait()
        self._profile.cleanup()

    def call(self, method, timeout=60, **parameters):
        """One command of the DevTools protocol. Returns its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            answer = self._read(deadline, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            if answer.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.messages.append(answer["params"])

    @property
    def errors(self):
        """Those of the messages that are errors."""
        return [
            message
            for message in self.messages
            if "exceptionDetails" in message
            or message.get("type") == "error"
            or message.get("entry", {}).get("level") == "error"
        ]

    def _read(self, deadline, method):
        while b"\0" not in self._buffer:
            if not select.select([self._answers], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError(f"{method}: no answer from the browser")
            part = os.read(self._answers, 1 << 20)
            if not part:
                raise RuntimeError(f"{method}: the browser has ended")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def open(self, url):
        """Go to a page."""
        self.call("Page.navigate", url=url)

    def evaluate(self, expression, timeout=60):
        """The value of a JavaScript expression; of a promise, what it resolves to."""
        answer = self.call(
            "Runtime.evaluate", timeout=timeout, expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait_for(self, expression, timeout=180):
        """Wait until a JavaScript expression is true. Returns its value."""
        deadline = time.monotonic() + timeout
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} did not become true. The page says: {self.messages[-5:]}")
            time.sleep(0.1)

    def choose_file(self, selector, path):
        """Give a file to an `<input type=file>`."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def screenshot(self, path, width=1280, height=900, dark=False, full_page=False):
        """Save a picture of the page at a size in CSS pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        time.sleep(0.3)
        data = self.call("Page.captureScreenshot", captureBeyondViewport=full_page)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

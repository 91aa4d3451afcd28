"""The studio's server: its page, its files, its training and its recogniser."""

import asyncio
import contextlib
import json
import math
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ..web.runtime import find_runtime
from ..web.serving import media_type
from ..web.site import page_files, site_files
from .project import NotFoundError
from .recognisers import Recognisers
from .security import Guard
from .training import RESULT, Trainer, read_json

MAX_TAKE_BYTES = 200 * 2**20
MAX_STREAM_BYTES = 1000 * 2**20
MAX_JSON_BYTES = 2**16
MAX_FRAME_BYTES = 2**22

_MAX_UPLOADS = 16  # at a time; others wait
_IDLE_SECONDS = 20  # without a byte of a body
_PAGE = Path(__file__).parent / "page"


class BodyTooLargeError(ValueError):
    """A request has more bytes than its kind may have."""


class Studio:
    """The requests of a studio's page. Starlette runs the methods that are not asynchronous in threads.

    Args:
        project: The `Project`.
        runtime: Folder of the browser's runtime, of `export.web.runtime.find_runtime`; `None` if it is not available:
            the server then recognises.
    """

    def __init__(self, project, runtime=None):
        self.project = project
        self.trainer = Trainer(project)
        self.runtime = runtime
        self._recognisers = Recognisers()
        self._files = None  # of the page to try: the model, and its files
        self._uploads = asyncio.Semaphore(_MAX_UPLOADS)

    def routes(self):
        """The routes of the page and of its requests."""
        return [
            Route("/", self.page),
            Route("/api/state", self.state),
            Route("/api/gestures", self.add_gesture, methods=["POST"]),
            Route("/api/gestures/{label}", self.rename_gesture, methods=["PATCH"]),
            Route("/api/gestures/{label}", self.remove_gesture, methods=["DELETE"]),
            Route("/api/gestures/{label}/takes", self.add_take, methods=["POST"]),
            Route("/api/gestures/{label}/takes/{name}", self.delete_take, methods=["DELETE"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/streams", self.add_stream, methods=["POST"]),
            Route("/api/training", self.training),
            Route("/api/training", self.start_training, methods=["POST"]),
            Route("/api/training", self.stop_training, methods=["DELETE"]),
            Route("/takes/{label}/{name}", self.take),
            Route("/download", self.download),
            Route("/try/recognizer/{page}/{action}", self.recognize, methods=["POST"]),
            Route("/try/{name:path}", self.try_page),
            Route("/{name}", self.page),
        ]

    # === The page ===

    def page(self, request):
        name = request.path_params.get("name", "index.html")
        path = {path.name: path for path in _PAGE.iterdir()}.get(name) or page_files().get(name)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=media_type(name))

    def state(self, request):
        project = self.project
        gestures = [
            {"label": label, "takes": [{"name": take.name, "session": take.session} for take in project.takes(label)]}
            for label in project.labels()
        ]
        values = {
            "name": project.name,
            "folder": str(project.folder.resolve()),
            "session": project.session(),
            "gestures": gestures,
            "longTakes": len(project.long_takes()),
            "canUndo": project.can_undo(),
            "training": self.trainer.status(),
            "result": read_json(project.model / RESULT),
        }
        return JSONResponse(values)

    # === Gestures and takes ===

    async def add_gesture(self, request):
        values = await _json(request)
        label = await run_in_threadpool(self.project.add_gesture, values.get("label"))
        return JSONResponse({"label": label}, 201)

    async def rename_gesture(self, request):
        values = await _json(request)
        label = await run_in_threadpool(self.project.rename_gesture, request.path_params["label"], values.get("label"))
        return JSONResponse({"label": label})

    def remove_gesture(self, request):
        self.project.remove_gesture(request.path_params["label"])
        return Response(status_code=204)

    async def add_take(self, request):
        async with self._upload(request, MAX_TAKE_BYTES) as path:
            query = request.query_params
            take = await run_in_threadpool(
                self.project.add_take, request.path_params["label"], path, query.get("session"), query.get("suffix")
            )
        return JSONResponse({"name": take.name}, 201)

    def delete_take(self, request):
        self.project.delete_take(request.path_params["label"], request.path_params["name"])
        return Response(status_code=204)

    def undo(self, request):
        return JSONResponse({"label": self.project.undo()})

    def take(self, request):
        path = self.project.take_path(request.path_params["label"], request.path_params["name"])
        if not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type=media_type(path.name))

    async def add_stream(self, request):
        try:
            truth = json.loads(request.query_params.get("truth", ""))
        except ValueError:
            raise ValueError("The truth of a long take must be JSON.") from None
        async with self._upload(request, MAX_STREAM_BYTES) as path:
            query = request.query_params
            stream = await run_in_threadpool(
                self.project.add_stream, path, truth, query.get("session"), query.get("suffix")
            )
        return JSONResponse({"name": stream.name}, 201)

    @contextlib.asynccontextmanager
    async def _upload(self, request, limit):
        """Writes the body of a request to a file, and yields its path; the file is removed at the end if not moved."""
        _check_length(request, limit)
        path = self.project.new_upload()
        try:
            async with self._uploads:
                with path.open("wb", buffering=0) as file:
                    async for chunk in _chunks(request, limit):
                        await run_in_threadpool(file.write, chunk)
                yield path
        finally:
            path.unlink(missing_ok=True)

    # === Training and the result ===

    def training(self, request):
        return JSONResponse(self.trainer.status())

    async def start_training(self, request):
        values = await _json(request)
        await run_in_threadpool(self.trainer.start, values.get("resume") is True)
        return JSONResponse(self.trainer.status(), 202)

    def stop_training(self, request):
        self.trainer.stop()
        return JSONResponse(self.trainer.status())

    def download(self, request):
        path = self._model()
        return FileResponse(path, media_type="application/octet-stream", filename=f"{self.project.name}.tflite")

    def _model(self):
        result = read_json(self.project.model / RESULT)
        path = result and self.project.model / Path(str(result.get("file"))).name
        if not path or not path.is_file():
            raise NotFoundError("There is no model yet: train first.")
        return path

    # === Recognition ===

    def try_page(self, request):
        """A file of the page of `keras-action serve`, for the model of the last training."""
        name = request.path_params["name"] or "index.html"
        content = self._site().get(name)
        if content is None:
            raise HTTPException(404)
        if isinstance(content, bytes):
            return Response(content, media_type=media_type(name))
        return FileResponse(content, media_type=media_type(name))

    def _site(self):
        model = self._model()
        if self._files is None or self._files[0] != model:
            self._files = model, site_files([model], self.runtime, server=True)
        return self._files[1]

    async def recognize(self, request):
        page, action = request.path_params["page"], request.path_params["action"]
        if action == "load":
            await run_in_threadpool(self._recognisers.load, page, self._model())
        elif action == "frame":
            timestamp = float(request.query_params.get("timestamp", "nan"))
            if not math.isfinite(timestamp):
                raise ValueError("A frame must have a timestamp in seconds.")
            body = await _body(request, MAX_FRAME_BYTES)
            return JSONResponse(await run_in_threadpool(self._recognisers.push, page, body, timestamp))
        elif action == "flush":
            return JSONResponse(await run_in_threadpool(self._recognisers.flush, page))
        elif action == "reset":
            await run_in_threadpool(self._recognisers.reset, page)
        elif action == "settings":
            await run_in_threadpool(self._recognisers.use, page, await _json(request))
        else:
            raise HTTPException(404)
        return JSONResponse({})


def make_app(project, *, runtime=None, hosts=(), any_address=False):
    """The ASGI application of a studio.

    Args:
        project: The `Project`.
        runtime: As of `Studio`.
        hosts: As of `Guard`.
        any_address: As of `Guard`.
    """
    studio = Studio(project, runtime)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        await run_in_threadpool(studio.trainer.stop)

    def refuse(status):
        async def answer(request, error):
            # The rest of a body that was not read completely is not read.
            headers = {"Connection": "close"} if status in (408, 413) else None
            return JSONResponse({"error": str(error) or "This is not possible."}, status, headers)

        return answer

    handlers = {
        BodyTooLargeError: refuse(413),
        NotFoundError: refuse(404),
        ValueError: refuse(400),
        OSError: refuse(500),  # such as a full disk
        TimeoutError: refuse(408),
        ClientDisconnect: refuse(400),
    }
    app = Starlette(routes=studio.routes(), exception_handlers=handlers, lifespan=lifespan)
    return Guard(app, project.token(), hosts, any_address)


def find_runtime_or_none(folder):
    """The browser's runtime and `None`; or `None` and the reason why it can't be downloaded.

    Raises:
        FileNotFoundError: If the runtime is not in a folder that is given.
    """
    try:
        return find_runtime(folder), None
    except (RuntimeError, OSError) as error:
        if folder is not None:
            raise
        return None, str(error)


def _check_length(request, limit):
    length = request.headers.get("content-length")
    if length is not None and (not length.isdecimal() or int(length) > limit):
        raise BodyTooLargeError(f"That is too large: at most {limit // 2**20} MB.")


async def _chunks(request, limit):
    """The body of a request in parts, within a limit of bytes and of idle time."""
    count, stream = 0, request.stream()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), _IDLE_SECONDS)
        except StopAsyncIteration:
            return
        count += len(chunk)
        if count > limit:
            raise BodyTooLargeError(f"That is too large: at most {max(1, limit // 2**20)} MB.")
        yield chunk


async def _body(request, limit):
    _check_length(request, limit)
    return b"".join([chunk async for chunk in _chunks(request, limit)])


async def _json(request):
    body = await _body(request, MAX_JSON_BYTES)
    try:
        values = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ValueError("Expected a JSON object.")
    return values

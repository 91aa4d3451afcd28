"""The folder of a studio: the files on disk are its only state."""

import contextlib
import os
import re
import secrets
import shutil
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from keras_action.data import Annotations, Clip, VideoInfo, video_info
from keras_action.data.frame_folders import has_frames
from keras_action.utils.intervals import Interval, intervals_path, write_intervals
from keras_action.utils.labels import normalize_label

from .names import check_label, is_session, is_take_name, is_video_name, session_of

BACKGROUND = "none"
MAX_TAKE_SECONDS = 60
MAX_STREAM_SECONDS = 900
MIN_TAKE_SECONDS = 0.3
MIN_TAKE_FRAMES = 4
MAX_TAKES = 1000  # of a gesture
MAX_PIXELS = 4096 * 2304
SESSION_PAUSE = 1800  # seconds


class NotFoundError(LookupError):
    """There is no such gesture or take. The page shows the message."""


@dataclass(frozen=True)
class Take:
    """A recording of a gesture: a video, or a folder of frames.

    Attributes:
        name: Name of its file in the folder of the gesture.
        path: Path of the file.
        session: The recording session, or `None` for a file from elsewhere.
    """

    name: str
    path: Path
    session: str | None


class Project:
    """The files of a studio: `clips/<label>/<take>`, `streams/`, `model/`, and its own in `.studio/`.

    `clips` is a folder of classes, which all programs read. Deleted gestures and takes are moved to `.studio/deleted`,
    from which `undo` restores them. The methods can be called from any thread.

    Args:
        folder: Path of the folder, which is created if needed.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.clips = self.folder / "clips"
        self.streams = self.folder / "streams"
        self.model = self.folder / "model"
        self.training = self.folder / ".studio" / "training"
        self._uploads = self.folder / ".studio" / "uploads"
        self._deleted = self.folder / ".studio" / "deleted"
        self._lock = threading.RLock()
        if not self.clips.is_dir():
            (self.clips / BACKGROUND).mkdir(parents=True)
        for folder in (self._uploads, self._deleted):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def name(self):
        return self.folder.resolve().name

    def token(self):
        """The secret of the page's address, stored in the folder: after a restart, open pages still have access."""
        path = self.folder / ".studio" / "token"
        with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
            text = path.read_text().strip()
            if re.fullmatch(r"[\w-]{32,}", text, re.ASCII):
                return text
        text = secrets.token_urlsafe(32)
        temporary = path.with_name(f".token.{uuid.uuid4().hex[:8]}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(temporary, path)
        return text

    # === Gestures ===

    def labels(self):
        """The names of the gestures, sorted, after that of the background."""
        names = [entry.name for entry in os.scandir(self.clips) if entry.is_dir() and not entry.name.startswith(".")]
        return sorted(names, key=lambda name: (name != BACKGROUND, name.casefold(), name))

    def takes(self, label):
        """The takes of a gesture, sorted by name: videos, and folders of frames."""
        folder = self._gesture(label)
        with os.scandir(folder) as scan:
            names = sorted(
                entry.name
                for entry in scan
                if not entry.name.startswith(".")
                and (has_frames(entry.path) if entry.is_dir() else is_video_name(entry.name))
            )
        return [Take(name, folder / name, session_of(name)) for name in names]

    def add_gesture(self, label):
        """Adds a gesture. Returns its name.

        Raises:
            ValueError: If a folder can't have the name, or there is a gesture of this name.
        """
        label = check_label(label)
        with self._lock:
            self._check_new(label)
            (self.clips / label).mkdir()
        return label

    def rename_gesture(self, label, new):
        """Gives a gesture another name. Returns it."""
        new = check_label(new)
        with self._lock:
            folder = self._gesture(label)
            if label == BACKGROUND:
                raise ValueError(f"“{BACKGROUND}” can't be renamed: recognisers know it by this name.")
            if new == folder.name:
                return new
            self._check_new(new, besides=folder.name)
            os.rename(folder, self.clips / new)
        return new

    def remove_gesture(self, label):
        """Removes a gesture with its takes."""
        with self._lock:
            folder = self._gesture(label)
            if label == BACKGROUND:
                raise ValueError(
                    f"“{BACKGROUND}” can't be removed: without it, every motion would be recognised as a gesture."
                )
            os.rename(folder, self._bin("gesture") / folder.name)

    # === Takes ===

    def clear_uploads(self):
        """Removes incomplete uploads of a server that was killed."""
        for part in self._uploads.iterdir():
            part.unlink(missing_ok=True)

    def new_upload(self):
        """A path for a file that is being uploaded."""
        return self._uploads / f"{uuid.uuid4().hex}.part"

    def add_take(self, label, upload, session, suffix):
        """Moves an uploaded file to the takes of a gesture. Returns the `Take`.

        Args:
            label: Name of the gesture.
            upload: Path of the file, of `new_upload`.
            session: The recording session.
            suffix: Suffix of the file, such as `.webm`.

        Raises:
            NotFoundError: If there is no such gesture.
            ValueError: If the file is not a video, or too long or too short.
        """
        check_video(upload, MAX_TAKE_SECONDS)
        with self._lock:
            folder = self._gesture(label)
            if len(self.takes(label)) >= MAX_TAKES:
                raise ValueError(f"A gesture can have {MAX_TAKES} takes at most.")
            path = _new_path(folder, "take", session, suffix)
            os.replace(upload, path)
        return Take(path.name, path, session)

    def take_path(self, label, name):
        """The path of a take."""
        for take in self.takes(label) if is_take_name(name) else ():
            if take.name == name:
                return take.path
        raise NotFoundError("There is no such take. It may have been deleted.")

    def delete_take(self, label, name):
        """Deletes a take."""
        with self._lock:
            path = self.take_path(label, name)
            folder = self._bin("take") / path.parent.name
            folder.mkdir()
            os.rename(path, folder / path.name)

    def session(self):
        """The name of the current recording session: the time at which it began.

        A session ends when nothing is recorded for half an hour.
        """
        last = None
        for label in self.labels():
            for take in self.takes(label):
                if take.session and (last is None or take.session >= last[0]):
                    with contextlib.suppress(OSError):
                        last = max(last or ("", 0.0), (take.session, take.path.stat().st_mtime))
        if last and time.time() - last[1] < SESSION_PAUSE:
            return last[0]
        return time.strftime("%Y%m%d-%H%M%S")

    # === Undo ===

    def can_undo(self):
        """Whether there is a deletion to undo."""
        return any(self._contents(entry) for entry in self._deletions())

    def undo(self):
        """Undoes the last deletion. Returns the name of its gesture, or `None` if there is nothing to undo.

        A take whose name is in use again gets a new name.
        """
        with self._lock:
            for entry in self._deletions():
                folder = self._contents(entry)
                if folder is None:
                    shutil.rmtree(entry, ignore_errors=True)  # of a server that was killed
                    continue
                target = self.clips / folder.name
                if entry.name.endswith("gesture") and not target.exists():
                    os.rename(folder, target)
                else:
                    target.mkdir(exist_ok=True)
                    for path in sorted(folder.iterdir()):
                        free = target / path.name
                        while free.exists():
                            free = free.with_stem(f"{free.stem}_again")
                        os.rename(path, free)
                shutil.rmtree(entry, ignore_errors=True)
                return target.name
        return None

    # === Long takes ===

    def add_stream(self, upload, truth, session, suffix):
        """Moves a long take into `streams`, and writes its ground truth beside it. Returns its path.

        Args:
            upload: Path of the file, of `new_upload`.
            truth: List of dictionaries with `label`, `start` and `end`, in seconds.
            session: The recording session.
            suffix: Suffix of the file.

        Raises:
            ValueError: If the file is not a video, or the ground truth does not fit it or the gestures.
        """
        info = check_video(upload, MAX_STREAM_SECONDS)
        labels = self.labels()
        intervals = []
        for row in truth if isinstance(truth, list) else [None]:
            try:
                interval = Interval(row["label"], float(row["start"]), min(float(row["end"]), info.duration))
            except (KeyError, TypeError, ValueError):
                raise ValueError("The ground truth of a long take must be gestures with start and end.") from None
            if interval.label not in labels or not 0 <= interval.start < interval.end:
                raise ValueError("The ground truth of a long take must be known gestures, each with end after start.")
            if interval.label != BACKGROUND:
                intervals.append(interval)
        if not intervals:
            raise ValueError("A long take must have at least one gesture.")
        with self._lock:
            self.streams.mkdir(exist_ok=True)
            path = _new_path(self.streams, "stream", session, suffix)
            write_intervals(intervals_path(path), intervals)  # first: no video is in the folder without it
            os.replace(upload, path)
        return path

    def long_takes(self):
        """The paths of the long takes with ground truth."""
        if not self.streams.is_dir():
            return []
        return sorted(
            path for path in self.streams.iterdir() if is_video_name(path.name) and intervals_path(path).is_file()
        )

    def annotations(self):
        """All takes as `Annotations`. Files from elsewhere count as one session, as their sessions are not known."""
        clips = [
            Clip(str(take.path), normalize_label(label), group=take.session or "files")
            for label in self.labels()
            for take in self.takes(label)
        ]
        return Annotations(tuple(clips), tuple(map(normalize_label, self.labels())))

    def _gesture(self, label):
        """The folder of a gesture. The name must be one of `labels()`, as it comes from a request."""
        if label not in self.labels():
            raise NotFoundError("There is no such gesture. It may have been renamed or removed.")
        return self.clips / label

    def _check_new(self, label, besides=None):
        for other in self.labels():
            if other != besides and normalize_label(other).casefold() == label.casefold():
                raise ValueError(f"There is a gesture called {other} already.")

    def _bin(self, kind):
        """A new folder for a deletion."""
        last = max((int(entry.name.split("-")[0]) for entry in self._deletions()), default=0)
        folder = self._deleted / f"{last + 1:06}-{kind}"
        folder.mkdir()
        return folder

    def _deletions(self):
        """The folders of the deletions, the last one first."""
        entries = (entry for entry in self._deleted.iterdir() if re.fullmatch(r"\d+-\w+", entry.name))
        return sorted(entries, key=lambda entry: int(entry.name.split("-")[0]), reverse=True)

    @staticmethod
    def _contents(entry):
        """The gesture's folder in a folder of `_bin`, or `None` if nothing was moved there."""
        folder = next(entry.iterdir(), None)
        if folder is None or (entry.name.endswith("take") and not any(folder.iterdir())):
            return None
        return folder


def check_video(path, max_seconds) -> VideoInfo:
    """The properties of a video that can be a take.

    Raises:
        ValueError: If it can't be one. The page shows the message.
    """
    try:
        info = video_info(path)
    except (OSError, ValueError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"The file can't be read as a video: {reason}.") from error
    if info.num_frames < MIN_TAKE_FRAMES or info.duration < MIN_TAKE_SECONDS:
        raise ValueError(f"The video is too short: {info.num_frames} frames, {info.duration:.1f} s.")
    if info.width * info.height > MAX_PIXELS:
        raise ValueError(f"The picture is too large: {info.width} × {info.height} pixels.")
    if info.duration > max_seconds:
        raise ValueError(f"The video is too long: {info.duration:.0f} s, at most {max_seconds} s.")
    return info


def _new_path(folder, kind, session, suffix):
    """The path of the next recording of a session, such as `take_20261129-101500_001.webm`."""
    if not is_session(session):
        raise ValueError("The name of the recording session is wrong.")
    if not isinstance(suffix, str) or not is_video_name(f"take{suffix}") or not re.fullmatch(r"\.\w+", suffix):
        raise ValueError("The file must have the suffix of a video.")
    start = f"{kind}_{session}_"
    numbers = (re.match(r"\d+", name[len(start) :]) for name in os.listdir(folder) if name.startswith(start))
    number = 1 + max((int(match[0]) for match in numbers if match), default=0)
    return folder / f"{start}{number:03}{suffix.lower()}"

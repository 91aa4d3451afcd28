"""Where the pipeline has the frames of a clip from: its file, or memory; the Python part of reading."""

import atexit
import contextlib
import threading
import time
from typing import NamedTuple

import numpy as np

from keras_action.data.decoders import frame_decoder
from keras_action.data.decoding import DecodingError
from keras_action.data.failures import TooManyFailuresError
from keras_action.data.frame_folders import read_clip
from keras_action.data.jpeg import read_jpegs

_CACHE_BYTES = 2 * 1024**3
_QUIET_SECONDS, _PATIENCE_SECONDS = 0.05, 10.0
_NO_JPEGS = np.zeros(0, "S1")
_NO_PIXELS = np.zeros((0, 0, 0, 3), np.uint8)


class Frames(NamedTuple):
    """The chosen frames of a clip: as JPEGs, to be decoded in the graph, or as pixels. One of the two is empty."""

    jpegs: np.ndarray  # bytes, (T,)
    pixels: np.ndarray  # uint8, (T, h, w, 3)
    space: np.ndarray  # int32, (2,): h and w

    @classmethod
    def of_pixels(cls, pixels):
        return cls(_NO_JPEGS, pixels, np.array(pixels.shape[1:3], np.int32))


class ClipSource:
    """Reads the frames of clips. Safe to use from many threads.

    Args:
        annotations: An `Annotations`.
        short_side: Pixels to which the shorter side of larger videos is scaled.
        failures: A `FailureLog`.
        decoder: What decodes videos; see `frame_decoder`.
        cache: Whether to keep decoded videos: True for up to 2 GiB, or a number of bytes.
    """

    def __init__(self, annotations, short_side, failures, decoder="pyav", cache=False):
        self.clips = annotations.clips
        self.label_ids = annotations.label_ids()
        self._short_side = short_side
        self._failures = failures
        self._decoder = frame_decoder(decoder)
        self._room = _CACHE_BYTES if cache is True else int(cache)
        self._cached = {}
        self._lock = threading.Lock()

    def read(self, index, choose):
        """The `Frames` of a clip that `choose` chooses by their number, and its label's id."""
        with _reading() as goes_on:
            if not goes_on:
                return Frames.of_pixels(np.zeros((len(choose(1)), 1, 1, 3), np.uint8)), self.label_ids[index]
            return self._read(index, choose)

    def _read(self, index, choose):
        clip, label = self.clips[index], self.label_ids[index]
        pixels = self._cached.get(index)
        if pixels is None:
            encoded = read_jpegs(clip, choose)
            if encoded is not None:
                jpegs, size = encoded
                return Frames(np.array(jpegs, object), _NO_PIXELS, np.array(size, np.int32)), label
            if self._room <= 0:
                return Frames.of_pixels(self._decode(clip, choose)), label
            pixels = self._keep(index, self._decode(clip, range))
        return Frames.of_pixels(pixels[choose(len(pixels))]), label

    def read_or_replace(self, index, seeds, sample):
        """The same of the first clip from `index` on that can be decoded; notes those that can't.

        Args:
            index: Place of the clip.
            seeds: A `np.random.SeedSequence`, from which each candidate has a generator of its own.
            sample: A function from a number of frames and a generator to the indices wanted.
        """
        for step in range(len(self.clips)):
            candidate = (index + step) % len(self.clips)
            clip = self.clips[candidate]
            if clip in self._failures:
                continue
            own = [*seeds.entropy, step]
            try:
                # A new generator each time: asked again for the same clip, it chooses the same.
                return self.read(candidate, lambda count, own=own: sample(count, np.random.default_rng(own)))
            except DecodingError as error:
                self._failures.add(clip, error)
        raise TooManyFailuresError(f"No clip can be decoded.\n{self._failures.summary()}")

    def _decode(self, clip, choose):
        return read_clip(clip, choose, self._short_side, self._decoder)

    def _keep(self, index, pixels):
        with self._lock:
            if index not in self._cached and pixels.nbytes <= self._room:
                self._cached[index] = pixels
                self._room -= pixels.nbytes
        return pixels


class _Readers:
    """How many threads read, and since when none has begun to."""

    def __init__(self):
        self.lock = threading.Lock()
        self.active = 0
        self.last = 0.0
        self.goes_on = True


_readers = _Readers()


@contextlib.contextmanager
def _reading():
    with _readers.lock:
        _readers.active += 1
        _readers.last = time.monotonic()
    try:
        yield _readers.goes_on
    finally:
        with _readers.lock:
            _readers.active -= 1


@atexit.register
def _finish_reading():
    """Keeps Python from hanging at its end.

    An iterator over a data set without end reads ahead as long as it exists. It ends with Python, and waits for its
    threads; but a thread that enters Python by then waits for ever. So before, reads become black frames, which soon
    fill its buffers, and then it stands still.
    """
    _readers.goes_on = False
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (_readers.active or time.monotonic() < _readers.last + _QUIET_SECONDS) and time.monotonic() < deadline:
        time.sleep(_QUIET_SECONDS / 5)

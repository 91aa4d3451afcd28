"""Reads the frames of clips from files, with an optional in-memory cache: the Python part of the pipeline."""

import os
import threading
from typing import NamedTuple

import numpy as np

from keras_action.data.decoders import frame_decoder
from keras_action.data.decoding import VIDEO_SUFFIXES, DecodingError
from keras_action.data.exit_gate import exit_gate
from keras_action.data.failures import TooManyFailuresError
from keras_action.data.jpeg import JpegHeads
from keras_action.data.sources import open_clip

_CACHE_BYTES = 2 * 1024**3
_NO_JPEGS = np.zeros(0, "S1")
_NO_PIXELS = np.zeros((0, 0, 0, 3), np.uint8)


class Frames(NamedTuple):
    """Frames of a clip: JPEGs, which the graph decodes, or pixels. The other of the two is empty."""

    jpegs: np.ndarray  # bytes, (T,)
    pixels: np.ndarray  # uint8, (T, h, w, 3)
    space: np.ndarray  # int32, (2,): h and w

    @classmethod
    def of_pixels(cls, pixels):
        return cls(_NO_JPEGS, pixels, np.array(pixels.shape[1:3], np.int32))


def read_first(candidates, read, failures):
    """The result of `read` for the first clip that can be decoded.

    Args:
        candidates: Tuples of a `Clip` and the arguments of `read`.
        read: A function.
        failures: A `FailureLog`, in which clips that can't be decoded are logged.
    """
    for clip, *arguments in candidates:
        if clip not in failures:
            try:
                return read(*arguments)
            except DecodingError as error:
                failures.add(clip, error)
    raise TooManyFailuresError(f"No clip can be decoded.\n{failures.summary()}")


class ClipReader:
    """Reads the frames of clips. Safe to use from many threads.

    Args:
        annotations: An `Annotations`.
        short_side: Pixels to which the shorter side of larger videos is scaled.
        failures: A `FailureLog`.
        decoder: Decoder of videos; see `frame_decoder`.
        cache: Whether to keep decoded videos: True for up to 2 GiB, or a number of bytes.

    Attributes:
        returns_jpegs: False if all clips are videos by their suffix: then the graph needs no decoder of JPEGs.
    """

    def __init__(self, annotations, short_side, failures, decoder="pyav", cache=False):
        frame_decoder(decoder)  # raises here, not in a thread of the pipeline
        self.clips = annotations.clips
        self.label_ids = annotations.label_ids()
        self.returns_jpegs = any(os.path.splitext(clip.path)[1].lower() not in VIDEO_SUFFIXES for clip in self.clips)
        self._short_side = short_side
        self._failures = failures
        self._decoder = decoder
        self._heads = JpegHeads()
        self._room = _CACHE_BYTES if cache is True else int(cache)
        self._cached = {}
        self._lock = threading.Lock()
        self._gate = exit_gate()

    def read(self, index, sample):
        """Reads frames of a clip.

        Args:
            index: Place of the clip.
            sample: A function from the number of frames of the clip to the indices to read.

        Returns:
            The `Frames` and the id of the clip's label.
        """
        with self._gate as is_open:
            if not is_open:
                return Frames.of_pixels(np.zeros((len(sample(1)), 1, 1, 3), np.uint8)), self.label_ids[index]
            return self._read(index, sample), self.label_ids[index]

    def _read(self, index, sample):
        pixels = self._cached.get(index)
        if pixels is None:
            source = open_clip(self.clips[index], self._decoder)
            indices = sample(source.num_frames)
            encoded = source.read_jpegs(indices, self._heads) if self.returns_jpegs else None
            if encoded is not None:
                jpegs, size = encoded
                return Frames(np.array(jpegs, object), _NO_PIXELS, np.array(size, np.int32))
            if self._room <= 0:
                return Frames.of_pixels(source.read(indices, self._short_side))
            pixels = self._keep(index, source.read(short_side=self._short_side))
        return Frames.of_pixels(pixels[sample(len(pixels))])

    def read_or_replace(self, index, seeds, sample):
        """Reads the clip at `index`, or the next one that can be decoded; logs those that can't.

        Args:
            index: Place of the clip.
            seeds: A `np.random.SeedSequence` for the generators of the candidates.
            sample: A function from the number of frames and a generator to the indices to read.

        Returns:
            See `read`.
        """

        def read(step):
            own = [*seeds.entropy, step]
            place = (index + step) % len(self.clips)
            return self.read(place, lambda count: sample(count, np.random.default_rng(own)))

        candidates = ((self.clips[(index + step) % len(self.clips)], step) for step in range(len(self.clips)))
        return read_first(candidates, read, self._failures)

    def _keep(self, index, pixels):
        with self._lock:
            if index not in self._cached and pixels.nbytes <= self._room:
                self._cached[index] = pixels
                self._room -= pixels.nbytes
        return pixels

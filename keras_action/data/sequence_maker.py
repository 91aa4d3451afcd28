"""Sequences joined from clips, or cut from streams: frames, and targets for their steps."""

import dataclasses
import itertools
import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from keras_action.data.clips import Annotations, Clip
from keras_action.data.reading import ClipReader, read_first
from keras_action.data.sources import VideoSource, open_clip
from keras_action.data.timeline import read_timeline
from keras_action.utils.intervals import is_ignored


def step_targets(intervals, num_steps, num_classes, background, sequences):
    """The target of each step of a sequence.

    Args:
        intervals: List of (label id, first step, stop), in order, without overlap; the last may be cut.
        num_steps: Integer T.
        num_classes: Integer, the number of classes.
        background: Label id of the background.
        sequences: A `Sequences`.

    Returns:
        Targets, float32 (T, classes), 1 for each label that is right: one of them, or two where background and
        gesture are both right; and weights, float32 (T,).
    """
    targets = np.zeros((num_steps, num_classes), np.float32)
    targets[:, background] = 1
    weights = np.full(num_steps, sequences.background_weight, np.float32)
    tail = round(sequences.label_after / sequences.time_step)
    starts = [first for _, first, _ in intervals] + [num_steps]
    for (label, first, stop), following in zip(intervals, starts[1:], strict=True):
        length = stop - first
        # The step k shows the gesture up to the share (k + 1) / length of it.
        shown = (np.arange(length) + 1) / length
        either = first + int((shown <= sequences.background_until + 1e-9).sum())
        labelled = min(first + int((shown < sequences.label_from - 1e-9).sum()), stop - 1)
        end = min(stop + tail, following, num_steps)
        weights[either:labelled] = sequences.either_weight
        targets[either:end, label] = 1
        targets[labelled:end, background] = 0
        weights[labelled:end] = 1
    return targets, weights


class SequenceMaker:
    """Makes sequences: joins clips, and cuts sections of streams.

    Args:
        annotations: An `Annotations`; see `sequence_dataset`.
        num_steps: Integer T.
        short_side: Pixels to which the shorter side of larger videos is scaled.
        sequences: A `Sequences`.
        reading: A `Reading`.
        failures: A `FailureLog`.
    """

    def __init__(self, annotations, num_steps, short_side, sequences, reading, failures):
        streams, clips = split_streams(annotations)
        background = [place for place in clips if is_ignored(annotations.clips[place].label)]
        gestures = sorted(set(clips) - set(background))
        self._gestures = _Pool(gestures, [annotations.clips[place].label for place in gestures])
        self._backgrounds = _Pool(background)
        # The videos of streams come after the clips.
        self._streams = dict(enumerate(streams.values(), start=len(annotations)))
        shown = {(place, k): item.label for place, items in self._streams.items() for k, item in enumerate(items)}
        self._streamed = _Pool(list(shown), list(shown.values()))
        ignored = [number for number, label in enumerate(annotations.labels) if is_ignored(label)]
        if not ignored or not (gestures or shown) or (gestures and not background):
            raise ValueError(
                'Sequences need clips of gestures and of the background, which shows none: a class "none". '
                f"Received: labels={list(annotations.labels)}"
            )
        other = next((clip.path for clip in annotations.clips if not isinstance(open_clip(clip), VideoSource)), None)
        if other is not None:
            raise ValueError(f"Sequences are joined from videos, not from frame folders or shards. Received: {other}")
        self._background_id = ignored[0]
        self._clips = (*annotations.clips, *(Clip(path, annotations.labels[ignored[0]]) for path in streams))
        both = Annotations(self._clips, annotations.labels)
        self._reader = ClipReader(both, short_side, failures, reading.decoder, reading.cache)
        self._failures, self._seconds = failures, {}
        self._num_steps, self._num_classes, self._sequences = num_steps, len(annotations.labels), sequences

    def make(self, number, seeds):
        """The results of `_canvas`, targets, weights and a seed, of the sequence of this number, from 0."""
        rng, sequences = np.random.default_rng(seeds), self._sequences
        if number < sequences.early_sequences:
            sequences = dataclasses.replace(sequences, label_from=sequences.early_label_from)
        dropped = rng.uniform(0, self._sequences.max_dropped)
        parts, intervals = [], []
        share = len(self._streamed.items) / (len(self._streamed.items) + len(self._gestures.items))
        while (now := sum(map(len, parts))) < self._num_steps:
            if rng.uniform() < share:
                part, shown = self._section(self._num_steps - now, dropped, rng)
                parts.append(part)
                intervals += [(label, now + first, now + stop) for label, first, stop in shown]
            else:
                self._add_clip(parts, intervals, now, dropped, rng)
        targets, weights = step_targets(intervals, self._num_steps, self._num_classes, self._background_id, sequences)
        return *_canvas(parts, self._num_steps), targets, weights, rng.integers(0, 2**31, 2).astype(np.int32)

    def _add_clip(self, parts, intervals, now, dropped, rng):
        """Adds a pause of the background and a clip of a gesture."""
        pause = round(rng.uniform(0, self._sequences.max_pause) / self._sequences.time_step)
        while pause > 0 and now < self._num_steps:
            part = self._frames(self._backgrounds, dropped, rng)[0][:pause]
            parts.append(part)
            pause, now = pause - len(part), now + len(part)
        if now < self._num_steps:
            part, label = self._frames(self._gestures, dropped, rng)
            parts.append(part)
            intervals.append((label, now, now + len(part)))

    def _frames(self, places, dropped, rng):
        """The frames of one of these clips at the time step, and its label id."""
        speed, phase = rng.uniform(*self._sequences.speeds), rng.uniform()
        held = _hold(dropped, rng)

        def read(place):
            steps = max(1, round(self._clip_seconds(place) / (self._sequences.time_step * speed)))
            shares = (np.arange(steps) + phase) / steps
            frames, label = self._reader.read(place, lambda count: held((shares * count).astype(int), count))
            return frames.pixels, int(label)

        return self._first_decodable(((place,) for place in places.shuffled(rng)), read)

    def _section(self, num_steps, dropped, rng):
        """At most `num_steps` frames around a gesture of a stream, and a list of (label id, first step, stop)."""
        speed, phase, share = rng.uniform(*self._sequences.speeds), rng.uniform(), rng.uniform()
        step, held = self._sequences.time_step * speed, _hold(dropped, rng)

        def read(place, number):
            intervals, timeline = self._streams[place], read_timeline(self._clips[place].path)
            latest = max(0.0, timeline.duration - num_steps * step)
            begin = float(np.clip(intervals[number].end - share * num_steps * step, 0, latest))
            # A gesture is never cut at the beginning.
            begin = min([begin, *(shown.start for shown in intervals if shown.start < begin < shown.end)])
            times = begin + (np.arange(num_steps) + phase) * step
            times = times[: max(1, int((times < timeline.duration).sum()))]
            indices = np.maximum(np.searchsorted(timeline.times, times, side="right") - 1, 0)
            frames, _ = self._reader.read(place, lambda count: held(np.minimum(indices, count - 1), count))
            return frames.pixels, _shown(intervals, begin + phase * step, step, len(times))

        return self._first_decodable(self._streamed.shuffled(rng), read)

    def _first_decodable(self, items, read):
        """The result of `read` for the first item that can be decoded. An item begins with the place of a clip."""
        return read_first(((self._clips[item[0]], *item) for item in items), read, self._failures)

    def _clip_seconds(self, place):
        if place not in self._seconds:
            self._seconds[place] = open_clip(self._clips[place]).seconds
        return self._seconds[place]


class _Pool:
    """Items to draw from, so that each class comes as often as the others.

    Args:
        items: A list.
        classes: The class of each item; `None` for one class.
    """

    def __init__(self, items, classes=None):
        self.items, self._shares = items, None
        if classes:
            counts = Counter(classes)
            shares = np.array([1 / counts[label] for label in classes])
            self._shares = shares / shares.sum()

    def shuffled(self, rng):
        """An iterator over the items in random order. The first is of each class with the same probability."""
        order = rng.choice(len(self.items), len(self.items), replace=False, p=self._shares)
        return (self.items[i] for i in order)


class _Shown(NamedTuple):
    """A gesture of a stream: its label id, and its start and end in seconds."""

    label: int
    start: float
    end: float


def split_streams(annotations):
    """Divides clips into parts of streams and clips to be joined.

    A clip with `start` and `end` is a part of a stream; the time between the gestures of a video is background.

    Args:
        annotations: An `Annotations`.

    Returns:
        A dict from a video to the gestures in it, in order, and a list of the places of all other clips.

    Raises:
        ValueError: If gestures of a video overlap.
    """
    streams, others = {}, []
    for place, (clip, label) in enumerate(zip(annotations.clips, annotations.label_ids(), strict=True)):
        if clip.start is None or clip.end is None:
            others.append(place)
            continue
        gestures = streams.setdefault(clip.path, [])
        if not is_ignored(clip.label):
            gestures.append(_Shown(int(label), clip.start, clip.end))
    for path, gestures in streams.items():
        gestures.sort(key=lambda gesture: gesture.start)
        for gesture, following in itertools.pairwise(gestures):
            if following.start < gesture.end:
                raise ValueError(
                    f"{path}: gestures of a stream must not overlap. Received: {gesture.start:g} to {gesture.end:g} s, "
                    f"and {following.start:g} to {following.end:g} s"
                )
    return streams, others


def _shown(intervals, begin, step, num_steps):
    """The gestures that `num_steps` steps from `begin` on show: a list of (label id, first step, stop)."""
    shown = []
    for label, start, end in intervals:
        first, stop = (math.ceil((time - begin) / step - 1e-9) for time in (start, end))
        if stop > max(first, 0) and first < num_steps:
            shown.append((label, max(first, 0), stop))
    return shown


def _hold(dropped, rng):
    """A function from frames' indices and their number to what a stream shows that drops a share of its frames."""
    seed = rng.integers(2**31)

    def held(indices, num_frames):
        is_kept = np.random.default_rng(seed).random(num_frames) >= dropped
        return np.maximum.accumulate(np.where(is_kept, np.arange(num_frames), 0))[indices]

    return held


def _canvas(parts, num_steps):
    """The frames of all parts on one canvas, the height and width of each part, and the part of each frame."""
    spaces = np.array([part.shape[1:3] for part in parts], np.int32)
    numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    frames = np.zeros((len(numbers), *spaces.max(axis=0), 3), np.uint8)
    for number, part in enumerate(parts):
        frames[numbers == number, : part.shape[1], : part.shape[2]] = part
    return frames[:num_steps], spaces, numbers[:num_steps]

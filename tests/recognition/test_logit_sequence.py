import dataclasses
import os

import numpy as np
import pytest

from keras_action.recognition import (
    EventSettings,
    GestureRecognizer,
    LogitSequence,
    WindowEventSettings,
    cached_logits,
    record_logits,
)
from tests.recognition.fakes import LABELS, RedModel, RedStream, frames, play

RED = [(2, 3), (5, 6.5), (51, 52)]
WITH_A_GAP = [*np.arange(0, 8, 0.1), *np.arange(50, 54, 0.1)]


def make(kind):
    if kind == "streaming":
        return GestureRecognizer(RedStream())
    return GestureRecognizer(RedModel(), LABELS, 1.0, window_seconds=(0.5, 1.0, 2.0) if kind == "lengths" else None)


@pytest.mark.parametrize("kind", ["clips", "lengths", "streaming"])
@pytest.mark.parametrize("firing", ["late", "early"])
def test_events_of_a_sequence_are_the_recognisers(kind, firing, tmp_path):
    settings = EventSettings.for_clips(1.0, firing=firing, on_threshold=0.6)
    if kind == "lengths":
        settings = WindowEventSettings(smoothing=settings.smoothing, firing=firing, on_threshold=0.6)
    recognizer = make(kind)
    sequence = record_logits(recognizer, frames(WITH_A_GAP, RED))
    recognizer.settings = settings
    expected = play(recognizer, WITH_A_GAP, RED)
    assert len(expected) == 3
    assert sequence.events(settings) == expected
    assert sequence.duration == pytest.approx(54, abs=0.5)
    loaded = LogitSequence.load(sequence.save(tmp_path / "sequence.npz"))
    assert loaded == sequence
    assert loaded != record_logits(recognizer, frames(WITH_A_GAP))
    assert loaded.events(settings) == expected


def test_arrays_and_settings_that_do_not_fit():
    sequence = record_logits(make("lengths"), frames(np.arange(0, 3, 0.1)))
    with pytest.raises(ValueError, match=r"must have the shapes .*'logits': \(\d+, 3\).* Received: "):
        dataclasses.replace(sequence, labels=("none", "red", "blue"))
    with pytest.raises(ValueError, match=r"need `WindowEventSettings`. Received: window_seconds=\(0.5, 1.0, 2.0\)"):
        sequence.events(EventSettings())
    with pytest.raises(ValueError, match=r"A streaming model needs `EventSettings`"):
        record_logits(make("streaming"), frames([0, 1])).events(WindowEventSettings())


def test_no_frames():
    with pytest.raises(ValueError, match="at least one frame"):
        record_logits(make("clips"), [])


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_files_without_logits(content, tmp_path):
    path = tmp_path / "sequence.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"sequence\.npz does not contain logits"):
        LogitSequence.load(path)
    np.savez(path, times=np.zeros(3))
    with pytest.raises(ValueError, match=r"sequence\.npz does not contain logits"):
        LogitSequence.load(path)


def test_the_model_runs_once_for_a_video(tmp_path):
    pytest.importorskip("av", reason="the extra video is not installed")
    from keras_action.data.video_writing import write_video

    video, model, cache = tmp_path / "video.mp4", tmp_path / "model.tflite", tmp_path / "cache"
    write_video(video, [picture for _, picture in frames(np.arange(40) / 10, [(1, 2)])], fps=10)
    model.write_text("one")

    def runs(**options):
        recognizer = GestureRecognizer(RedModel(), LABELS, 1.0, **options)
        sequence = cached_logits(recognizer, model, video, cache)
        assert [event.label for event in sequence.events(recognizer.settings)] == ["red"]
        return recognizer.model.runs

    assert runs() > 10
    assert runs() == 0
    assert runs(stride=0.1) > 10
    assert runs(window_seconds=(1.0, 1.2)) > 10
    assert runs(crop_to_aspect_ratio=False) > 10
    assert runs() == 0
    model.write_text("another")
    assert runs() > 10
    os.utime(video, (1, 1))
    assert runs() > 10
    assert len(list(cache.iterdir())) == 6
    recognizer = GestureRecognizer(RedModel(), LABELS, 1.0)
    cached_logits(recognizer, model, video)
    assert recognizer.model.runs > 10

"""Files run as often as wanted, with large states, and several at once in threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keras_action.litert import QUANTIZATIONS, LiteRTFile, LiteRTModel, LiteRTStream, convert
from keras_action.models import streaming_model
from tests.litert.color_model import color_clips, make_causal_model, make_color_model

# Those left out here are float32 to the interpreter.
SLOW = ("float16", "dynamic")


@pytest.fixture(
    scope="module", params=[pytest.param(q, marks=pytest.mark.slow) if q in SLOW else q for q in QUANTIZATIONS]
)
def streaming_file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / f"{request.param}.tflite"
    stream = streaming_model(make_color_model(causal=True), average_over=3)
    convert(stream, path, request.param, representative_clips=color_clips()[0], max_partitions=None)
    return LiteRTFile.read(path)


def logits_of(stream, clip):
    return np.stack([stream(frame) for frame in clip])


def test_streams_in_threads_are_those_one_after_the_other(streaming_file):
    clips = color_clips(4)[0]
    expected = [logits_of(LiteRTStream(streaming_file), clip) for clip in clips]
    with ThreadPoolExecutor(len(clips)) as executor:
        found = executor.map(lambda clip: logits_of(LiteRTStream(streaming_file, 2), clip), clips)
        for logits, right in zip(found, expected, strict=True):
            np.testing.assert_array_equal(logits, right)


def test_after_a_reset_a_stream_is_new(streaming_file):
    stream, (first, second) = LiteRTStream(streaming_file), color_clips(2)[0]
    expected = logits_of(stream, first)
    logits_of(stream, second)
    stream.reset()
    np.testing.assert_array_equal(logits_of(stream, first), expected)


def test_large_states(tmp_path, monkeypatch):
    convert(streaming_model(make_causal_model()), tmp_path / "stream.tflite")
    small = LiteRTStream(tmp_path / "stream.tflite")
    monkeypatch.setattr("keras_action.litert.runtime._LARGE_STATE", 1)
    large = LiteRTStream(tmp_path / "stream.tflite")
    for frame in color_clips(1)[0][0]:
        np.testing.assert_array_equal(large(frame), small(frame))
        for name, state in small.states().items():
            np.testing.assert_array_equal(large.states()[name], state)


def test_a_file_that_cannot_be_prepared(reports, monkeypatch):
    module = pytest.importorskip("ai_edge_litert.interpreter")

    def fail(self):
        raise RuntimeError("no kernel for this operator")

    monkeypatch.setattr(module.Interpreter, "allocate_tensors", fail)
    with pytest.raises(RuntimeError, match=r"float32.*: LiteRT can't prepare this file: no kernel for this operator"):
        LiteRTModel(reports["float32"].path)

"""`CompiledModel` and `Interpreter` give the same logits and states."""

import subprocess
import sys

import numpy as np
import pytest

from keras_action.litert import QUANTIZATIONS, LiteRTFile, LiteRTModel, LiteRTStream, convert
from keras_action.litert.runtime import CompiledRuntime, InterpreterRuntime, open_runtime
from keras_action.models import streaming_model
from tests.litert.color_model import color_clips, make_causal_model, make_color_model

pytest.importorskip("ai_edge_litert.compiled_model", reason="this version has no CompiledModel")


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_a_clip_file(reports, quantization):
    path, (clips, _) = reports[quantization].path, color_clips(4)
    compiled, interpreter = (LiteRTModel(path, 2, runtime) for runtime in ("compiled", "interpreter"))
    np.testing.assert_array_equal(compiled(clips), interpreter(clips))
    assert isinstance(open_runtime(LiteRTFile.read(path)), CompiledRuntime)


# Those left out here are float32 to the interpreter; test_a_clip_file has them.
SLOW = ("float16", "dynamic")


@pytest.fixture(
    scope="module", params=[pytest.param(q, marks=pytest.mark.slow) if q in SLOW else q for q in QUANTIZATIONS]
)
def streaming_file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / f"{request.param}.tflite"
    stream = streaming_model(make_color_model(causal=True), average_over=3)
    convert(stream, path, request.param, representative_clips=color_clips()[0], max_partitions=None)
    return request.param, path


def test_a_streaming_file(streaming_file):
    quantization, path = streaming_file
    if quantization == "int16x8":  # its states are int16
        assert isinstance(open_runtime(LiteRTFile.read(path)), InterpreterRuntime)
        with pytest.raises(RuntimeError, match=r"can't prepare this file: .*Received: \['int16'\]"):
            LiteRTStream(path, runtime="compiled")
        return
    compiled, interpreter = (LiteRTStream(path, 2, runtime) for runtime in ("compiled", "interpreter"))
    for clip in color_clips(3)[0]:
        for frame in clip:
            np.testing.assert_array_equal(compiled(frame), interpreter(frame))
            for name, state in interpreter.states().items():
                np.testing.assert_array_equal(compiled.states()[name], state)
        compiled.reset()
        interpreter.reset()


def test_large_states_of_the_interpreter(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_action.litert.runtime._LARGE_STATE", 1)
    convert(streaming_model(make_causal_model()), tmp_path / "stream.tflite")
    compiled, interpreter = (
        LiteRTStream(tmp_path / "stream.tflite", runtime=runtime) for runtime in ("compiled", "interpreter")
    )
    for frame in color_clips(1)[0][0]:
        np.testing.assert_array_equal(compiled(frame), interpreter(frame))


def test_the_interpreter_runs_what_compiled_model_does_not(reports, monkeypatch):
    expected = LiteRTModel(reports["int8"].path)(color_clips(2)[0])
    monkeypatch.setattr(CompiledRuntime, "__init__", lambda self, file, num_threads: 1 / 0)
    model = LiteRTModel(reports["int8"].path)
    assert isinstance(model._runtime, InterpreterRuntime)
    np.testing.assert_array_equal(model(color_clips(2)[0]), expected)


def test_an_unknown_runtime(reports):
    with pytest.raises(ValueError, match=r"must be one of .* Received: runtime='gpu'"):
        LiteRTModel(reports["float32"].path, runtime="gpu")


EXIT = """
import ctypes
import sys

libc = ctypes.CDLL(None)
message = ctypes.create_string_buffer(b"another library")
libc.__cxa_atexit(ctypes.cast(libc.perror, ctypes.c_void_p), ctypes.cast(message, ctypes.c_void_p), None)

import numpy as np
from keras_action.litert import LiteRTModel

model = LiteRTModel(sys.argv[1], runtime="compiled")
model(np.zeros((1, *model.input_shape[1:]), "uint8"))
"""


def test_messages_at_exit(reports):
    """Those of LiteRT are silenced, those of other libraries are not."""
    command = [sys.executable, "-c", EXIT, reports["int8"].path]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == ""
    assert result.stderr.startswith("another library: ")
    assert len(result.stderr.splitlines()) == 1

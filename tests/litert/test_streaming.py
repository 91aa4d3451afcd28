import keras
import numpy as np
import pytest

import keras_action
from keras_action import initial_states, streaming_model
from keras_action.layers import FoldTime, TemporalShift, UnfoldTime
from keras_action.litert import LiteRTFile, LiteRTStream, convert, inspect_file, verify
from keras_action.litert.forms import frame_sequences
from keras_action.litert.integer_edges import make_states_integers
from tests import tiny
from tests.models.test_streaming import clips, make, run
from tests.test_case import dtype_policy

SIZE = 32


@pytest.fixture(autouse=True)
def backbone(monkeypatch):
    tiny.register(monkeypatch)


@pytest.fixture(scope="module")
def stream():
    with pytest.MonkeyPatch.context() as monkeypatch:
        tiny.register(monkeypatch)
        yield streaming_model(make())


@pytest.fixture(scope="module", params=["float32", "int8"])
def file(request, stream, tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / f"{request.param}.tflite"
    report = convert(
        stream,
        path,
        quantization=request.param,
        representative_clips=clips(2, 12, SIZE, seed=1) if request.param == "int8" else None,
        labels=list("abcde"),
        clip_seconds=2.0,
    )
    return path, report


def frame_logits(path, frames):
    step = LiteRTStream(path)
    return np.stack([step(frame) for frame in frames])


def test_forty_frames_equal_keras(stream, file):
    path, report = file
    frames = clips(1, 40, SIZE)[0]
    expected = run(stream, frames[None])[0][0]
    error = np.abs(frame_logits(path, frames) - expected).max() / np.ptp(expected)
    assert error < (0.15 if report.quantization == "int8" else 1e-5)


def test_verify_compares_all_frames(stream, file):
    report = verify(file[0], stream, clips(2, 6, SIZE))
    assert report.num_clips == 12 and report.accuracy is None
    assert report.relative_error < (0.15 if file[1].quantization == "int8" else 1e-5)
    with pytest.raises(ValueError, match="not a file of this model"):
        verify(file[0], streaming_model(make(size=64)), clips(1, 1, 64))


def test_signature_and_states(stream, file):
    path, report = file
    step = LiteRTStream(path)
    assert set(step.states()) == set(initial_states(stream))
    for name, x in initial_states(stream).items():
        assert step.states()[name].shape == x.shape
    integer = report.quantization == "int8"
    assert step.dtype == (np.uint8 if integer else np.float32)
    assert {x.dtype for x in step.states().values()} == {np.dtype("int8" if integer else "float32")}
    assert step.state_bytes == keras_action.state_bytes(stream) // (4 if integer else 1)
    assert step.frame_shape == (SIZE, SIZE, 3) and step.num_classes == 5
    assert step.metadata.labels == tuple("abcde") and step.metadata.num_segments == 4
    assert step.metadata.time_step == 0.5


def test_one_part_of_rank_four_without_what_litert_lacks(file):
    summary = inspect_file(file[0])
    assert summary.max_rank <= 4 and summary.partitions.count == 1 and not summary.foreign_operators
    assert file[1].summary.size_bytes == file[0].stat().st_size
    if file[1].quantization == "int8":
        assert not summary.float_operators


@pytest.mark.parametrize("kind", ["tsm", "tsn"])
def test_a_classifier_of_integers_behind_a_memory(kind, tmp_path):
    """The last operator is the classifier, and it reads the memory's state, which is an output."""
    stream, frames = streaming_model(make(kind=kind, memory=6)), clips(1, 20, SIZE)[0]
    path = tmp_path / "memory.tflite"
    convert(stream, path, quantization="int8", representative_clips=clips(2, 12, SIZE, seed=1))
    assert not inspect_file(path).float_operators
    expected = run(stream, frames[None])[0][0]
    assert np.abs(frame_logits(path, frames) - expected).max() / np.ptp(expected) < 0.15


def test_a_rare_frame_does_not_widen_the_ranges(stream, tmp_path):
    def scales(recordings, quantization="int8"):
        convert(stream, tmp_path / "file.tflite", quantization, representative_clips=recordings, max_partitions=None)
        file = LiteRTFile.read(tmp_path / "file.tflite")
        return {state: file.tensor(file.outputs[state]).scale for state in initial_states(stream)}

    usual = (120 + clips(1, 160, SIZE, seed=1) // 16).astype("uint8")
    rare, frequent = usual.copy(), usual.copy()
    rare[:, 7], frequent[:, 7::10] = clips(1, 1, SIZE, seed=2)[:, 0], clips(1, 16, SIZE, seed=2)
    expected, of_rare, of_frequent = map(scales, (usual, rare, frequent))
    for state, scale in expected.items():
        assert of_rare[state] == pytest.approx(scale, rel=0.3)
    assert any(of_frequent[state] > 2 * scale for state, scale in expected.items())
    # Of few frames none is rare, and int16 has room for all.
    expected, of_rare = (scales(recordings[:, :50]) for recordings in (usual, rare))
    assert any(of_rare[state] > 2 * scale for state, scale in expected.items())
    expected, of_rare = (scales(recordings, "int16x8") for recordings in (usual, rare))
    assert any(of_rare[state] > 2 * scale for state, scale in expected.items())


def test_reset_forgets_everything(file):
    frames = clips(1, 5, SIZE)[0]
    step = LiteRTStream(file[0])
    first = [step(frame) for frame in frames]
    again = [step(frame) for frame in frames]
    assert np.abs(again[0] - first[0]).max() > 0
    step.reset()
    np.testing.assert_array_equal([step(frame) for frame in frames], first)


def test_states_are_fed_back_as_they_came(file):
    """A plain interpreter and no code of ours: what comes out goes in."""
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    frames = clips(1, 5, SIZE)[0]
    interpreter = interpreter_module.Interpreter(model_path=str(file[0]))
    signature = interpreter.get_signature_runner("serving_default")
    inputs, outputs = signature.get_input_details(), signature.get_output_details()
    states = {}
    for name, details in inputs.items():
        if name != "frame":
            assert details["dtype"] == outputs[name]["dtype"]
            assert details["quantization"] == outputs[name]["quantization"]
            states[name] = np.full(details["shape"], details["quantization"][1], details["dtype"])
    logits = []
    for frame in frames:
        given = signature(frame=frame[None].astype(inputs["frame"]["dtype"]), **states)
        logits.append(given.pop("logits")[0])
        states = given
    np.testing.assert_allclose(logits, frame_logits(file[0], frames), atol=1e-6)


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (2, SIZE, SIZE, 3), (SIZE, SIZE, 4)], ids=str)
def test_bad_frames(file, shape):
    with pytest.raises(ValueError, match="Expected a frame"):
        LiteRTStream(file[0])(np.zeros(shape))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"shift": "fixed"},
        {"shift": None, "paths": ("ste", "ce")},
        {"kind": "tsm"},
        {"kind": "tsn"},
        {"backbone": "mobilenet_v2", "alpha": 0.35},
    ],
    ids=str,
)
@pytest.mark.parametrize("quantization", ["float32", "float16", "int8"])
def test_other_models(options, quantization, tmp_path):
    stream = streaming_model(make(**options), average_over=3 if options.get("shift") == "fixed" else None)
    convert(stream, tmp_path / "x.tflite", quantization, clips(2, 10, SIZE, seed=1))
    frames = clips(1, 8, SIZE)[0]
    expected = run(stream, frames[None])[0][0]
    error = np.abs(frame_logits(tmp_path / "x.tflite", frames) - expected).max() / np.ptp(expected)
    assert error < {"float32": 1e-5, "float16": 0.02, "int8": 0.3}[quantization]


def test_files_tell_over_how_many_frames_their_logits_are_the_mean(file, tmp_path):
    assert LiteRTStream(file[0]).average_over == 1
    report = convert(streaming_model(make(), average_over=3), tmp_path / "mean.tflite")
    assert LiteRTStream(report.path).average_over == 3


def test_a_tsn_file_knows_the_frames_of_a_clip(tmp_path):
    """No layer of it looks at other frames, and so none tells."""
    report = convert(streaming_model(make(kind="tsn")), tmp_path / "tsn.tflite", clip_seconds=2.0)
    metadata = LiteRTStream(report.path).metadata
    assert (metadata.num_segments, metadata.time_step) == (4, 0.5)


@pytest.mark.parametrize(("form", "count"), [(list, 12), (np.stack, 12), (iter, 8)], ids=["list", "array", "iterator"])
def test_all_frames_of_what_has_an_end_are_used(monkeypatch, form, count):
    monkeypatch.setattr("keras_action.litert.forms.MAX_REPRESENTATIVE_FRAMES", 8)
    sequences = frame_sequences(form(clips(3, 4, SIZE)), (SIZE, SIZE, 3))
    assert sum(map(len, sequences)) == count


def test_bad_arguments(stream, tmp_path):
    path = tmp_path / "x.tflite"
    with pytest.raises(ValueError, match="needs `representative_clips`"):
        convert(stream, path, quantization="int8")
    with pytest.raises(ValueError, match="5 classes"):
        convert(stream, path, labels=["a"])
    with pytest.raises(ValueError, match=r"shape \(None, 32, 32, 3\)"):
        convert(stream, path, "int8", np.zeros((1, 4, 16, 16, 3)))
    with pytest.raises(ValueError, match=r"from 0\.0 to 300\.0"):
        convert(stream, path, "int8", np.full((1, 4, 32, 32, 3), 300.0) * (np.arange(4) > 1)[:, None, None, None])
    with pytest.raises(ValueError, match="At least one clip"):
        convert(stream, path, "int8", [])
    assert not path.exists()


def test_a_clip_file_is_no_stream(tmp_path, file):
    clip = keras.Input((4, 8, 8, 3))
    model = keras.Model(clip, keras.layers.Dense(2)(keras.layers.Flatten()(clip)))
    convert(model, tmp_path / "clip.tflite", max_partitions=None)
    with pytest.raises(ValueError, match="from `frame` and states"):
        LiteRTStream(tmp_path / "clip.tflite")
    (tmp_path / "bad.tflite").write_bytes(b"no such file")
    with pytest.raises(ValueError, match="not a LiteRT file"):
        LiteRTStream(tmp_path / "bad.tflite")


def test_a_file_whose_states_are_integers_already_stays_as_it_is(file):
    edited = LiteRTFile.read(file[0])
    make_states_integers(edited)
    step, again = LiteRTStream(file[0]), LiteRTStream(edited)
    for frame in clips(1, 3, SIZE)[0]:
        np.testing.assert_array_equal(step(frame), again(frame))


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_mixed_precision_becomes_float32(quantization, tmp_path):
    with dtype_policy("mixed_float16"):
        mixed = streaming_model(make())
    representative = clips(2, 6, SIZE) if quantization == "int8" else None
    report = convert(mixed, tmp_path / "mixed.tflite", quantization, representative_clips=representative)
    assert "CAST" not in report.summary.operators
    dtypes = {tensor.dtype for name, tensor in report.summary.inputs.items() if name.startswith("state_")}
    assert dtypes == {"int8" if quantization == "int8" else "float32"}


def test_a_model_compiled_with_an_own_loss(tmp_path):
    model = make()
    model.compile(loss=lambda labels, logits: logits[:, 0])
    assert not streaming_model(model).compiled


def test_clips_of_weight_0_are_left_out():
    batch = clips(2, 3, SIZE)
    for weights in ([1.0, 0.0], np.array([1.0, 0.0])):
        (sequence,) = frame_sequences([(batch, np.zeros(2), weights)], (SIZE, SIZE, 3))
        np.testing.assert_array_equal(np.concatenate(sequence), batch[0])


def test_a_shift_that_comes_out_with_another_scale(tmp_path):
    """TSM's state is a part of what comes in; it goes into a concatenation, whose scale is that of all of its parts.

    The largest values are of the channel that is shifted, in the last frames, which no frame after them sees.
    """
    clip = keras.Input((4, 8, 8, 3), name="clip")
    x = keras.layers.Conv2D(8, 1, use_bias=False, name="conv")(FoldTime()(clip))
    x = keras.layers.Conv2D(8, 3, name="next")(TemporalShift(4, mode="fixed", causal=True, name="shift")(x))
    x = UnfoldTime(4)(keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(x)))
    model = keras.Model(clip, keras.layers.GlobalAveragePooling1D()(x))
    kernel = np.full((1, 1, 3, 8), 0.1)
    kernel[..., 1] = 1.0
    model.get_layer("conv").set_weights([kernel])
    batch = clips(2, 6, 8)
    batch[:, :-1] //= 8
    report = convert(streaming_model(model), tmp_path / "tsm.tflite", "int8", representative_clips=batch)
    states = {name: tensor for name, tensor in report.summary.inputs.items() if name.startswith("state_")}
    assert states and all(tensor.dtype == "int8" for tensor in states.values())
    assert states == {name: report.summary.outputs[name] for name in states}  # of the same scales
    assert report.summary.operators["QUANTIZE"] >= 1 and report.summary.partitions.count == 1
    assert verify(report.path, streaming_model(model), batch).relative_error < 0.2

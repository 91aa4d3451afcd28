import itertools
import re

import keras
import numpy as np
import pytest

from keras_action.layers import FoldTime, UnfoldTime
from keras_action.litert import QUANTIZATIONS, ConversionError, LiteRTModel, convert, read_metadata, verify
from keras_action.litert.forms import form_of
from keras_action.training import Recipe
from tests.litert.color_model import CLIP_SHAPE, LABELS, color_clips, make_color_model
from tests.test_case import dtype_policy


@pytest.mark.parametrize(
    ("quantization", "dtype", "max_error"),
    [
        ("float32", "float32", 1e-4),
        ("float16", "float32", 0.05),
        ("dynamic", "float32", 0.3),
        ("int8", "uint8", 0.3),
        ("int16x8", "float32", 0.1),
    ],
)
def test_file_does_what_the_model_does(model, reports, quantization, dtype, max_error):
    clips, ids = color_clips(16, seed=1)
    report = reports[quantization]
    file = LiteRTModel(report.path)
    assert file.dtype == dtype
    assert file.input_shape == (None, *CLIP_SHAPE)
    logits = file(clips)
    assert logits.dtype == "float32"
    np.testing.assert_array_equal(logits.argmax(axis=-1), ids)
    verification = verify(report.path, model, clips)
    assert verification.max_abs_error < max_error
    assert verification.top1_agreement == 1
    assert verification.max_rank <= 4
    assert verification.summary.foreign_operators == ()


@pytest.mark.parametrize("quantization", ["int8", "int16x8"])
def test_integer_files_have_no_float_operator_and_a_scale_for_each_channel(reports, quantization):
    summary = reports[quantization].summary
    assert sum(summary.float_operators.values()) == 0
    assert sum(reports["float32"].summary.float_operators.values()) > 0
    by_channel, kernels = summary.kernels_per_channel
    assert by_channel == kernels > 3


@pytest.mark.parametrize("quantization", ["float32", "float16", "int8"])
def test_xnnpack_takes_it_in_one_part(reports, quantization):
    partitions = reports[quantization].summary.partitions
    assert partitions.count == 1
    assert set(partitions.outside_operators) <= {"QUANTIZE"}


def test_bytes_and_floats_at_the_edges(model, reports, tmp_path):
    clips, _ = color_clips()
    report = convert(
        model,
        tmp_path / "model.tflite",
        quantization="int8",
        representative_clips=clips,
        input_dtype="float32",
        output_dtype="uint8",
    )
    assert report.summary.inputs["clip"].dtype == "float32"
    assert report.summary.outputs["logits"].dtype == "uint8"
    assert sum(report.summary.float_operators.values()) == 0
    np.testing.assert_array_equal(LiteRTModel(report.path)(clips), LiteRTModel(reports["int8"].path)(clips))


def test_layers_kept_in_float(model, tmp_path):
    clips, _ = color_clips()
    arguments = {"quantization": "int8", "representative_clips": clips, "keep_float": ["action/m.*", "classifier"]}
    report = convert(model, tmp_path / "model.tflite", **arguments)
    assert {"action/me", "classifier"} <= set(report.float_layers)
    floats = [operator for operator in report.summary.graph if operator.is_float]
    assert 0 < len(floats) < len(report.summary.graph) / 2
    assert f"kept in float     {', '.join(report.float_layers)}" in str(report)
    with pytest.raises(ValueError, match="Received: 'clasifier'"):
        convert(model, tmp_path / "other.tflite", **{**arguments, "keep_float": ["clasifier"]})


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_file_carries_what_belongs_to_it(reports, quantization):
    metadata = read_metadata(reports[quantization].path)
    assert metadata.labels == LABELS
    assert metadata.quantization == quantization
    assert (metadata.num_segments, metadata.input_size) == (4, (16, 16))
    assert (metadata.clip_seconds, metadata.time_step) == (2.0, 0.5)
    assert metadata.extra == {"source": "a test"}


def test_report_is_readable(reports):
    text = str(reports["int8"])
    assert "int8.tflite" in text
    assert re.search(r"operators +\d+: ", text)
    assert f"{reports['int8'].size_bytes / 1e6:.2f} MB" in text


def test_converter_says_nothing(model, tmp_path, capfd):
    convert(model, tmp_path / "model.tflite")
    assert capfd.readouterr() == ("", "")


def test_converting_twice_gives_the_same_numbers(model, reports, tmp_path):
    clips, _ = color_clips()
    report = convert(model, tmp_path / "again.tflite", quantization="int8", representative_clips=clips)
    np.testing.assert_array_equal(LiteRTModel(report.path)(clips), LiteRTModel(reports["int8"].path)(clips))


def test_mixed_precision_becomes_float32(model, tmp_path):
    with dtype_policy("mixed_float16"):
        report = convert(make_color_model(), tmp_path / "model.tflite")
    # The mixed model itself is rounded to float16, the file is not.
    assert verify(report.path, model, color_clips()[0]).max_abs_error < 1e-4


def test_dead_activations_do_not_break_the_int8_file(tmp_path):
    """Behind a ReLU that never opens every value is zero; its own scale would make the delegate refuse the file."""
    clip = keras.Input(CLIP_SHAPE, name="clip")
    x = keras.layers.Rescaling(1 / 255)(FoldTime()(clip))
    x = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    dead = keras.layers.Conv2D(
        2, 1, use_bias=False, activation="relu", kernel_initializer=keras.initializers.Constant(-1.0)
    )(x)
    gate = keras.layers.Conv2D(3, 1, use_bias=False, activation="sigmoid")(dead)
    x = keras.layers.Flatten()(keras.layers.Multiply()([x, gate]))
    x = UnfoldTime(4)(keras.layers.Dense(4)(x))
    model = keras.Model(clip, keras.layers.GlobalAveragePooling1D()(x))
    clips, _ = color_clips()
    report = convert(model, tmp_path / "model.tflite", quantization="int8", representative_clips=clips)
    assert len(report.dead_tensors) >= 1
    assert "dead activations" in str(report)
    assert verify(report.path, model, clips).relative_error < 0.05


@pytest.mark.parametrize(
    ("form", "count"),
    [
        (lambda clips: clips, 12),
        (lambda clips: list(clips), 12),
        (lambda clips: iter([clips[:5], clips[5:]]), 9),
        (lambda clips: [(clips, np.zeros(12))], 12),
        (lambda clips: (clips[i % 12][None] for i in itertools.count()), 9),
    ],
    ids=["array", "clips", "batches", "batches and labels", "without end"],
)
def test_representative_clips_come_in_many_forms(model, monkeypatch, form, count):
    """All clips of what has an end are used."""
    monkeypatch.setattr("keras_action.litert.forms.MAX_REPRESENTATIVE_CLIPS", 9)
    clips, _ = color_clips()
    recordings = form_of(model).recordings(form(clips))
    np.testing.assert_array_equal(np.concatenate(recordings), clips[:count])


def test_all_representative_clips_are_used(model, tmp_path, monkeypatch):
    """On black clips most activations are dead; the last clip wakes them."""
    monkeypatch.setattr("keras_action.litert.forms.MAX_REPRESENTATIVE_CLIPS", 4)
    clips = [*np.zeros((6, *CLIP_SHAPE), "uint8"), color_clips(2)[0][1]]
    report = convert(model, tmp_path / "model.tflite", quantization="int8", representative_clips=clips)
    assert not report.dead_tensors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quantization": "int4"}, "must be one of .* Received: quantization='int4'"),
        ({"quantization": "int8"}, "needs `representative_clips`"),
        ({"quantization": "int8", "representative_clips": []}, "At least one clip"),
        ({"quantization": "int8", "representative_clips": np.zeros((2, 3, 16, 16, 3))}, "must have the shape"),
        ({"quantization": "int8", "representative_clips": np.full((1, *CLIP_SHAPE), -1.0)}, "RGB in 0..255"),
        ({"quantization": "int8", "representative_clips": np.full((1, *CLIP_SHAPE), np.nan)}, "RGB in 0..255"),
        ({"labels": ("none", "red")}, "4 classes, so it needs as many labels. Received: 2 labels"),
        ({"labels": ("none", "red", "green", "two\nlines")}, "must be one line"),
        ({"labels": ("none", "red", "green", "blue ")}, r"without spaces around it. Received: labels=\['blue '\]"),
        ({"labels": ("none", "red", "green", "red")}, "Received twice or more: red"),
        ({"labels": ("none", "gr\u00fcn", "red", "gru\u0308n")}, "Received twice or more: gr"),
        ({"labels": "rgbn"}, "needs as many labels"),
        ({"clip_seconds": 0}, "Received: clip_seconds=0"),
        ({"input_dtype": "uint8"}, "`input_dtype` of a file with quantization='float32' must be one of"),
        ({"output_dtype": "int8"}, "Received: output_dtype='int8'"),
        ({"keep_float": "classifier"}, "must be a list"),
        ({"keep_float": ["classifier"]}, "is for files of integers"),
        ({"path": "model.bin"}, "must end in .tflite. Received: path='model.bin'"),
        ({"max_partitions": 0}, "must be positive, or None. Received: max_partitions=0"),
        (
            {"metadata": {"clip_seconds": 2, "team": "a"}},
            "arguments of `convert`.* Received: metadata with clip_seconds",
        ),
        ({"metadata": {"recipe": Recipe()}}, "must be a dict, as of `Recipe.to_dict`"),
        ({"metadata": {"score": np.float32(1)}}, "must be JSON values: .*float32"),
    ],
)
def test_wrong_arguments_are_found_before_the_work(model, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_action.litert.forms.float_bytes", None)
    with pytest.raises(ValueError, match=message):
        convert(model, **{"path": "model.tflite", **arguments})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("input_shape", "message"),
    [
        ((None, 16, 16, 3), "T, H and W known. Received: .*input_shape=\\(None, None, 16, 16, 3\\)"),
        ((16, 16, 3), "Received: .*input_shape=\\(None, 16, 16, 3\\)"),
    ],
)
def test_models_that_are_no_clip_models(tmp_path, input_shape, message):
    inputs = keras.Input(input_shape)
    pooled = keras.ops.mean(inputs, axis=tuple(range(1, len(input_shape))))
    with pytest.raises(ValueError, match=message):
        convert(keras.Model(inputs, pooled), tmp_path / "model.tflite")


def test_no_keras_model(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a Keras model. Received: model="):
        convert(lambda clips: clips, tmp_path / "model.tflite")


def test_model_that_has_diverged_leaves_the_old_file(model, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"the old one")
    broken = keras.models.clone_model(model)
    broken.set_weights([np.full_like(value, np.nan) for value in model.get_weights()])
    with pytest.raises(ConversionError, match="not finite"):
        convert(broken, path)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_operators_that_litert_lacks(tmp_path):
    clip = keras.Input(CLIP_SHAPE)
    spectrum, _ = keras.ops.fft2((keras.ops.mean(clip, axis=(1, 4)), keras.ops.mean(clip, axis=(1, 4))))
    model = keras.Model(clip, keras.ops.mean(spectrum, axis=1))
    with pytest.raises(ConversionError):
        convert(model, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_action_net(tmp_path, quantization):
    from keras_action import build_action_net

    model = build_action_net("mobilenet_v2", num_classes=5, num_segments=4, input_size=64, alpha=0.35)
    clips = np.random.default_rng(0).integers(0, 256, (16, 4, 64, 64, 3)).astype("uint8")
    # A few steps, so that batch normalisation has statistics that fit.
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(clips, np.arange(16) % 5, batch_size=8, epochs=10, verbose=0)
    report = convert(model, tmp_path / "model.tflite", quantization=quantization, representative_clips=clips)
    verification = verify(report.path, model, clips)
    assert verification.max_rank <= 4
    assert verification.relative_error < {"float32": 1e-4, "int8": 0.15}[quantization]

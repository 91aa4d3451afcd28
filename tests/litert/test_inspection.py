import numpy as np
import pytest

from keras_action.litert import (
    LiteRTFile,
    LiteRTModel,
    benchmark,
    describe,
    inspect_file,
    quantization_error,
    read_metadata,
    verify,
)
from tests.litert.color_model import color_clips


def test_tells_formats_apart(reports):
    summaries = {name: inspect_file(report.path) for name, report in reports.items()}
    assert all(summary.max_rank == 4 and summary.foreign_operators == () for summary in summaries.values())
    assert "CONV_2D" in summaries["float32"].operators
    assert summaries["int8"].operators["DEQUANTIZE"] == 1
    assert summaries["int8"].float_operators == {}
    assert summaries["float16"].float_operators == summaries["float32"].float_operators
    assert list(summaries["float32"].operators.values()) == sorted(
        summaries["float32"].operators.values(), reverse=True
    )


def test_finds_tensorflow_operators(tmp_path):
    import tensorflow as tf

    from keras_action.litert.silence import silenced_output

    @tf.function(input_signature=[tf.TensorSpec((1, 2, 2, 2, 2), tf.float32)])
    def inverse(clip):
        return tf.linalg.inv(clip)

    with silenced_output():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([inverse.get_concrete_function()])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
        data = converter.convert()
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    summary = inspect_file(path)
    assert "FlexMatrixInverse" in summary.foreign_operators
    assert summary.max_rank == 5
    assert "FlexMatrixInverse" in str(summary)


def test_no_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(np.zeros(100, "uint8").tobytes())
    with pytest.raises(ValueError, match="is not a LiteRT file"):
        inspect_file(path)


def test_a_file_that_was_read_serves_as_well_as_its_path(model, reports, monkeypatch):
    path, (clips, _) = reports["int8"].path, color_clips(2)
    expected = LiteRTModel(path)(clips), describe(path), verify(path, model, clips)
    file = LiteRTFile.read(path)
    monkeypatch.setattr("pathlib.Path.read_bytes", None)  # it is not read again
    np.testing.assert_array_equal(LiteRTModel(file)(clips), expected[0])
    assert describe(file) == expected[1]
    assert verify(file, model, clips) == expected[2]
    assert inspect_file(file) == expected[2].summary
    assert read_metadata(file).labels == ("none", "red", "green", "blue")
    assert benchmark(file, runs=1).runs == 1
    assert quantization_error(file, model, clips).num_clips == 2

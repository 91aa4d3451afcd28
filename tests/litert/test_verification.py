import json

import numpy as np
import pytest

from keras_action.litert import benchmark, convert, verify
from keras_action.models import streaming_model
from tests.litert.color_model import color_clips, make_causal_model, make_color_model


def test_an_error_of_a_known_size(model, reports):
    clips, _ = color_clips(4)
    expected = model.predict_on_batch(clips)

    def shifted(clip):
        return model.predict_on_batch(clip) + 0.5

    report = verify(reports["float32"].path, shifted, clips)
    assert report.num_clips == 4
    assert report.max_abs_error == pytest.approx(0.5, abs=1e-4)
    assert report.mean_abs_error == pytest.approx(0.5, abs=1e-4)
    assert report.relative_error == pytest.approx(0.5 / np.ptp(expected), abs=1e-4)
    assert report.top1_agreement == 1


def test_agreement(model, reports):
    clips, _ = color_clips(4)
    report = verify(reports["float32"].path, lambda clip: -model.predict_on_batch(clip), clips)
    assert report.top1_agreement < 0.5


def test_report_is_readable(model, reports):
    text = str(verify(reports["int8"].path, model, color_clips(1)[0]))
    assert "of 1 clip" in text
    assert "error of logits" in text
    assert "QUANTIZE" in text


@pytest.mark.parametrize("clips", [np.zeros((2, 5, 16, 16, 3)), []])
def test_wrong_clips(model, reports, clips):
    with pytest.raises(ValueError, match="Received: "):
        verify(reports["float32"].path, model, clips)


def test_file_of_another_model(reports):
    with pytest.raises(ValueError, match="is not a file of this model"):
        verify(reports["float32"].path, make_color_model(num_segments=2), color_clips(1)[0])


def test_accuracy_of_both(model, reports):
    clips, ids = color_clips(8)
    wrong = np.r_[ids[:6], (ids[6:] + 1) % 4]
    assert verify(reports["int8"].path, model, clips).accuracy is None
    report = verify(reports["int8"].path, model, [(clips, wrong)])
    assert (report.accuracy, report.model_accuracy, report.accuracy_drop) == (0.75, 0.75, 0)
    assert "top-1             model 75.0%, file 75.0% of 8 clips" in str(report)
    one_hot = np.eye(4)[wrong]
    assert verify(reports["int8"].path, model, [(clips, one_hot, np.r_[np.ones(6), 0, 0])]).accuracy == 1


def test_thresholds(model, reports):
    report = verify(reports["int8"].path, model, [color_clips(4)])
    limits = {"max_error": 0.5, "min_agreement": 1, "max_accuracy_drop": 0, "min_accuracy": 1, "max_rank": 4}
    assert report.failures(**limits, max_partitions=1, max_float_operators=0, max_size_mb=1) == []
    assert report.failures() == []
    failures = report.failures(max_error=0, min_agreement=1.1, min_accuracy=1.1, max_rank=3, max_partitions=0)
    assert len(failures) == 5
    assert "the highest rank is 4, at most 3 is allowed" in failures
    with pytest.raises(ValueError, match="need clips with labels"):
        verify(reports["int8"].path, model, color_clips(1)[0]).failures(min_accuracy=0.5)


def test_report_as_json(model, reports):
    values = json.loads(json.dumps(verify(reports["int8"].path, model, [color_clips(4)]).to_dict()))
    assert values["accuracy"] == 1
    assert values["summary"]["partitions"] == 1
    assert values["summary"]["inputs"]["clip"]["dtype"] == "uint8"


def test_an_infinite_relative_error_is_null_in_json(model, reports):
    path, clips = reports["int8"].path, color_clips(1)[0]
    report = verify(path, lambda batch: np.zeros((len(batch), 4)), clips)  # all logits alike: they have no spread
    assert report.relative_error == float("inf") and len(report.failures(max_error=1)) == 1
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["relative_error"] is None


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_a_streaming_file_and_its_causal_model(tmp_path, quantization):
    model, (clips, _) = make_causal_model(), color_clips(8)
    stream = streaming_model(model)
    path = convert(stream, tmp_path / "m.tflite", quantization=quantization, representative_clips=clips).path
    assert verify(path, model, clips).relative_error < (0.05 if quantization == "int8" else 1e-4)
    with pytest.raises(ValueError, match="is not a file of this model"):
        verify(path, make_color_model(size=32), np.zeros((1, 4, 32, 32, 3)))
    assert "ms a frame (" in str(benchmark(path, runs=2, warmup=0))


@pytest.mark.parametrize("count", [3, 4, 6])
def test_a_streaming_file_with_the_mean_inside(tmp_path, count):
    """Of whatever number of frames: the mean over a clip's frames is compared, and no mean of means."""
    model, (clips, _) = make_causal_model(), color_clips(8)
    path = convert(streaming_model(model, average_over=count), tmp_path / "m.tflite").path
    assert verify(path, model, clips).relative_error < 1e-4


def test_a_streaming_file_without_metadata_and_a_function(tmp_path):
    stream = streaming_model(make_causal_model())
    path = convert(stream, tmp_path / "stream.tflite").path
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"PK\x03\x04")])
    with pytest.raises(ValueError, match="no metadata, so that `model` must have an `input_shape`"):
        verify(path, lambda clips: clips, color_clips(2)[0])

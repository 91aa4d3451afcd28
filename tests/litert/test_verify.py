import numpy as np
import pytest

from keras_action.litert import verify
from tests.litert.color_model import color_clips, make_color_model


def test_gap_of_a_known_size(model, reports):
    clips, _ = color_clips(4)
    expected = model.predict_on_batch(clips)

    def shifted(clip):
        return model.predict_on_batch(clip) + 0.5

    report = verify(reports[None].path, shifted, clips)
    assert report.num_clips == 4
    assert report.max_abs_gap == pytest.approx(0.5, abs=1e-4)
    assert report.mean_abs_gap == pytest.approx(0.5, abs=1e-4)
    assert report.relative_gap == pytest.approx(0.5 / np.ptp(expected), abs=1e-4)
    assert report.top1_agreement == 1


def test_agreement(model, reports):
    clips, _ = color_clips(4)
    report = verify(reports[None].path, lambda clip: -model.predict_on_batch(clip), clips)
    assert report.top1_agreement < 0.5


def test_report_is_readable(model, reports):
    text = str(verify(reports["int8"].path, model, color_clips(1)[0]))
    assert "of 1 clip" in text
    assert "gap of logits" in text
    assert "QUANTIZE" in text


@pytest.mark.parametrize("clips", [np.zeros((2, 5, 16, 16, 3)), []])
def test_wrong_clips(model, reports, clips):
    with pytest.raises(ValueError, match="Received: "):
        verify(reports[None].path, model, clips)


def test_file_of_another_model(reports):
    with pytest.raises(ValueError, match="is not a file of this model"):
        verify(reports[None].path, make_color_model(num_segments=2), color_clips(1)[0])

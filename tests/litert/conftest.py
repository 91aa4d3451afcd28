import pytest

pytest.importorskip("ai_edge_litert", reason="the extra litert is not installed")
pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")


@pytest.fixture(scope="session")
def model():
    from tests.litert.color_model import make_color_model

    return make_color_model()


@pytest.fixture(scope="session")
def reports(model, tmp_path_factory):
    """The model in all formats: quantisation → `ConversionReport`."""
    from keras_action.litert import QUANTIZATIONS, convert
    from tests.litert.color_model import LABELS, color_clips

    folder = tmp_path_factory.mktemp("files")
    clips, _ = color_clips()
    return {
        quantization: convert(
            model,
            folder / f"{quantization}.tflite",
            quantization=quantization,
            representative_clips=clips,
            labels=LABELS,
            clip_seconds=2.0,
            metadata={"source": "a test"},
        )
        for quantization in QUANTIZATIONS
    }

import pytest

from keras_action.litert import benchmark


@pytest.mark.parametrize("quantization", ["float32", "int8"])
def test_times_a_file(reports, quantization):
    report = benchmark(reports[quantization].path, num_threads=2, runs=5, warmup=1)
    assert 0 < report.low_ms <= report.median_ms <= report.high_ms
    assert "ms a clip" in str(report)
    assert "5 runs, 2 threads" in str(report)


@pytest.mark.parametrize("arguments", [{"runs": 0}, {"warmup": -1}])
def test_wrong_arguments(reports, arguments):
    with pytest.raises(ValueError, match="Received: runs="):
        benchmark(reports["float32"].path, **arguments)

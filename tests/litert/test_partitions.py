import pytest

from keras_action.litert.partitions import find_partitions


@pytest.mark.parametrize(
    ("quantization", "count", "outside"),
    [("float32", 1, set()), ("int8", 1, {"QUANTIZE"}), ("int16x8", 0, None)],
)
def test_parts_and_what_is_outside(reports, quantization, count, outside):
    partitions = find_partitions(reports[quantization].path.read_bytes())
    assert partitions.count == count
    if outside is None:  # all of it
        assert partitions.outside_operators == reports[quantization].summary.operators
    else:
        assert set(partitions.outside_operators) == outside


def test_file_that_can_not_be_prepared(reports):
    data = reports["float32"].path.read_bytes()
    assert find_partitions(data[: len(data) // 2]) is None

import numpy as np
import pytest

from keras_action.weights.motion_files import read_motion_file, write_motion_file


def test_arrays_come_back_in_half_precision_and_in_order(tmp_path):
    arrays = [np.full((2, 3), 0.1), np.arange(12.0), np.array(-3.0)]
    path = write_motion_file(tmp_path / "weights.npz", {"block_1": arrays, "block_10": arrays[:1], "a/b": arrays[1:]})
    read = read_motion_file(path)
    assert {name: len(values) for name, values in read.items()} == {"block_1": 3, "block_10": 1, "a/b": 2}
    for value, expected in zip(read["block_1"], arrays, strict=True):
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, np.asarray(expected, np.float16))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e5])
def test_what_float16_cannot_hold_is_an_error_and_writes_nothing(bad, tmp_path):
    with pytest.raises(ValueError, match=r"at most 65504.*in layer 'norm'"):
        write_motion_file(tmp_path / "weights.npz", {"norm": [np.array([1.0, bad])]})
    assert not list(tmp_path.iterdir())

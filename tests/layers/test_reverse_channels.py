from keras_action.layers import ReverseChannels
from tests.test_case import assert_close, frames, run_layer_test


def test_what_every_layer_must_do(tmp_path):
    run_layer_test(ReverseChannels, frames(4, 5, 6, 3), tmp_path)


def test_rgb_becomes_bgr():
    x = frames(2, 4, 5, 3)
    assert_close(ReverseChannels()(x), x[..., ::-1])

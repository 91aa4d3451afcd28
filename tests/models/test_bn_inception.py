import numpy as np
import pytest

from keras_action.models import BNInception


def test_shapes_are_the_papers():
    model = BNInception((224, 224, 3))
    shapes = {name: model.get_layer(name).output.shape[1:] for name in ("pool1_3x3_s2", "pool2_3x3_s2")}
    assert shapes == {"pool1_3x3_s2": (56, 56, 64), "pool2_3x3_s2": (28, 28, 192)}
    channels = [256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024]
    sizes = [28, 28, 14, 14, 14, 14, 14, 7, 7, 7]
    blocks = ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    for block, size, channel in zip(blocks, sizes, channels, strict=True):
        assert model.get_layer(f"inception_{block}_output").output.shape == (None, size, size, channel)


def test_weights_from_a_file(tmp_path):
    first = BNInception((32, 32, 3))
    first.save_weights(tmp_path / "inception.weights.h5")
    second = BNInception((32, 32, 3), weights=tmp_path / "inception.weights.h5")
    for old, new in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"include_top": True}, "Received: include_top=True"),
        ({"weights": "imagenet"}, "pass the path of the PyTorch file"),
        ({"input_shape": (31, 64, 3)}, "at least 32 pixels"),
        ({"input_shape": (None, None, 3)}, "Received: input_shape="),
        ({"input_shape": (64, 64, 1)}, "Received: input_shape="),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        BNInception(**kwargs)

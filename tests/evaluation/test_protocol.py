import doctest
import re

import numpy as np
import pytest

from keras_action.data import Cropping
from keras_action.evaluation import protocol
from keras_action.evaluation.protocol import Protocol
from keras_action.training.recipe import Recipe


@pytest.mark.parametrize(
    ("made", "views", "text"),
    [
        (Protocol(8, 224), 1, '1 clip × centre crop of 224 × 224 pixels, 8 frames each, sampling "segments"'),
        (
            Protocol(16, (128, 160), crop_to_aspect_ratio=False),
            1,
            "whole frame scaled to 128 × 160 pixels, 16 frames",
        ),
        (Protocol(8, 224, short_side=256, num_clips=3), 3, "3 clips × centre crop of 224 × 224.*short side 256"),
        (Protocol.paper(8), 30, '10 clips × 3 crops of 256 × 256 pixels.*"segments" at random, seed 0'),
        (Protocol.reference_code(8), 30, '10 clips × 3 crops of 256 × 256 pixels.*"reference" at random, seed 0'),
        (Protocol.paper(8, sampling="segments", seed=None, num_crops=1), 10, '"segments"$'),
        (Protocol(np.int64(8), np.int64(96)), 1, "96 × 96"),
    ],
)
def test_protocols_in_words(made, views, text):
    assert made.num_views == views
    assert re.search(text, str(made))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_segments": 0}, "num_segments=0"),
        ({"num_clips": 0}, "num_clips=0"),
        ({"num_crops": -1}, "num_crops=-1"),
        ({"input_size": (0, 4)}, r"input_size=\(0, 4\)"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        Protocol(**{"num_segments": 8, "input_size": 224, **fields})


def test_as_trained():
    recipe = Recipe(num_segments=16, input_size=96, sampling="dense", cropping=Cropping(crop_to_aspect_ratio=False))
    expected = Protocol(16, 96, sampling="dense", crop_to_aspect_ratio=False)
    assert Protocol.as_trained(recipe) == expected and expected.num_views == 1


def test_docstring():
    assert doctest.testmod(protocol).failed == 0

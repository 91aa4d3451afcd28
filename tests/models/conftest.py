import dataclasses
import functools

import keras
import pytest

from keras_action.models import BACKBONES


def once_for_each_size(constructor):
    """A backbone's constructor that builds each graph of random weights once: the builders only read and copy it."""
    graphs = {}

    @functools.wraps(constructor)  # the builder looks at its arguments
    def construct(weights=None, **options):
        if weights is not None:
            return constructor(weights=weights, **options)
        key = (keras.config.dtype_policy().name, *sorted(options.items()))
        if key not in graphs:
            graphs[key] = constructor(weights=None, **options)
        return graphs[key]

    return construct


@pytest.fixture(scope="module", autouse=True)
def backbones_built_once():
    """Half of the time of building a model is that of its backbone, which the tests of a file then share."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("mobilenet_v2", "resnet50", "bn_inception", "efficientnet_b0"):
            entry = BACKBONES[name]
            patch.setitem(
                BACKBONES, name, dataclasses.replace(entry, constructor=once_for_each_size(entry.constructor))
            )
        yield

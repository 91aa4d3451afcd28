"""Freezing layers of a model."""

import keras

from keras_action.layers import Action, TemporalShift
from keras_action.models.graph import Graph
from keras_action.models.motion_weights import POOL

_NEW = (Action, TemporalShift)


def set_trainable(model, *, backbone=True, frozen_stages=0, partial_batch_norm=False):
    """Sets which layers of a model are trainable. Compile the model afterwards.

    Temporal layers and the classifier always are. A batch normalisation that is not trainable keeps its statistics.
    `.keras` files do not store this for the layers inside ACTION modules: set it again before training is resumed.

    Args:
        model: A model of `build_action_net`, `build_tsm` or `build_tsn`.
        backbone: Whether the backbone is trainable.
        frozen_stages: Number of stages of the backbone, from the input on, that are not trainable. Stage s has feature
            maps 2^s times smaller than the frames.
        partial_batch_norm: Whether only the first of all batch normalisations is trainable, those of ACTION modules
            included.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=8, weights="imagenet")
    >>> set_trainable(model, backbone=False)
    >>> model.compile(...)
    """
    graph = Graph(model)
    norms = []
    for layer in model.layers:
        of_backbone = graph.order[layer.name] < graph.order[POOL] and not isinstance(layer, _NEW)
        low = frozen_stages > 0 and graph.strides[layer.name] <= 2**frozen_stages
        layer.trainable = not (of_backbone and (low or not backbone))
        norms += [part for part in layer._flatten_layers() if isinstance(part, keras.layers.BatchNormalization)]
    if partial_batch_norm:
        for norm in norms[1:]:
            norm.trainable = False

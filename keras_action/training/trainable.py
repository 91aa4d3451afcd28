"""Which layers of a model learn."""

import keras

from keras_action.layers import Action, TemporalShift
from keras_action.models.graph import Graph

_NEW = (Action, TemporalShift)
_HEAD = "pool"  # where the backbone ends, in the models of `build_action_net`


def set_trainable(model, *, backbone=True, frozen_stages=0, partial_batch_norm=False):
    """Sets what of a model learns. Compile it afterwards, as Keras takes note of it then.

    Temporal layers and the classifier always learn. A batch normalisation that does not learn keeps its statistics.
    A `.keras` file does not keep which of the layers inside ACTION's learn: set it anew where training goes on.

    Args:
        model: What `build_action_net`, `build_tsm` or `build_tsn` gives.
        backbone: Whether the backbone learns.
        frozen_stages: Integer s: layers of the backbone whose maps are at most 2^s times smaller than the frames
            do not learn.
        partial_batch_norm: Whether of all batch normalisations only the first learns, ACTION's own among the others.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=8, weights="imagenet")
    >>> set_trainable(model, backbone=False)
    >>> model.compile(...)
    """
    graph = Graph(model)
    norms = []
    for layer in model.layers:
        of_backbone = graph.order[layer.name] < graph.order[_HEAD] and not isinstance(layer, _NEW)
        low = frozen_stages > 0 and graph.strides[layer.name] <= 2**frozen_stages
        layer.trainable = not (of_backbone and (low or not backbone))
        norms += [part for part in layer._flatten_layers() if isinstance(part, keras.layers.BatchNormalization)]
    if partial_batch_norm:
        for norm in norms[1:]:
            norm.trainable = False

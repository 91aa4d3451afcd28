"""Statistics of batch normalisation for other clips than those that the weights were trained on."""

import keras

from keras_action.training.forward import forward


def adapt_batch_norm(model, batches):
    """Replaces the statistics of all batch normalisations by the means over some batches, in place.

    Pretrained statistics are those of other videos, and of a network without the modules that were put into it. If they
    stay frozen, as with few clips they should, this fits them to the clips once, before the training. Nothing else
    changes.

    Args:
        model: A Keras model.
        batches: An iterable of (frames, …), the batches of a training set; at least one.

    Raises:
        ValueError: If there is no batch.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", 3, num_segments=2, input_size=32)
    >>> clips = np.random.default_rng(0).uniform(0, 255, (4, 2, 32, 32, 3))
    >>> adapt_batch_norm(model, [(clips, None)])  # or `dataset.take(20)` of the training clips

    Reference: AdaBN, [Li et al., 2017](https://arxiv.org/abs/1603.04779), and PreciseBN,
    [Wu and Johnson, 2021](https://arxiv.org/abs/2105.07576), section 3.
    """
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    settings = [(norm.momentum, norm.trainable, norm.synchronized) for norm in norms]
    count = 0
    try:
        for norm in norms:
            norm.trainable, norm.synchronized = True, False
        for count, (frames, *_) in enumerate(batches, start=1):
            for norm in norms:
                norm.momentum = 1 - 1 / count  # the moving average is the mean of the batches so far
            forward(model, frames, training=True)
    finally:
        for norm, (momentum, trainable, synchronized) in zip(norms, settings, strict=True):
            norm.momentum, norm.trainable, norm.synchronized = momentum, trainable, synchronized
    if not count:
        raise ValueError("Statistics need at least one batch. Received: none")

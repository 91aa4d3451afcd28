"""Batch normalisation as one operation of TensorFlow."""

import functools

import keras
from keras import ops

from keras_action.utils.lazy import tensorflow as tf


def use_fused_batch_norm(model):
    """Makes the batch normalisation of a model train faster on TensorFlow.

    Keras computes mean, variance and output by separate operations, and each of them and of their gradients reads all
    feature maps. TensorFlow's fused operation computes the same, to rounding. On a CPU a training step of ACTION-Net
    takes about two thirds of the time (docs/results.md, "Speed").

    `keras_action.train` calls this. The layers, their files and their results in inference stay as they are. A layer
    whose statistics are frozen or synchronised between replicas, or that is not of 4-D feature maps in float32 or less,
    computes as before. On other backends nothing is changed.

    Args:
        model: A Keras model. It must be compiled afterwards.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=8)
    >>> use_fused_batch_norm(model)
    >>> model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True))
    """
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model._flatten_layers():
        # Not of subclasses, which may compute something else; and once, however often a model is compiled.
        if type(layer) is keras.layers.BatchNormalization and not isinstance(layer.call, functools.partial):
            layer.call = functools.partial(_call, layer, layer.call)


def _call(layer, call, inputs, training=None, mask=None):
    """The call of a `BatchNormalization`, fused where that is the same; `call` is the layer's own."""
    if not training or mask is not None or not _can_be_fused(layer, inputs):
        return call(inputs, training=training, mask=mask)
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        ops.cast(inputs, "float32"),
        ops.cast(layer.gamma, "float32"),
        ops.cast(layer.beta, "float32"),
        epsilon=layer.epsilon,
        is_training=True,
    )
    # The operation divides the sum of squares by N - 1, Keras by N.
    count = tf.cast(tf.size(inputs) // inputs.shape[-1], "float32")
    variance *= (count - 1) / count
    for moving, new in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(ops.cast(moving, "float32") * layer.momentum + new * (1 - layer.momentum))
    return ops.cast(outputs, layer.compute_dtype)


def _can_be_fused(layer, inputs):
    return (
        layer.trainable
        and layer.scale
        and layer.center
        and not (layer.synchronized or layer.renorm)
        and len(inputs.shape) == 4
        and layer.axis in (-1, 3)
        and keras.backend.result_type(inputs.dtype, "float32") == "float32"
    )

"""Class activation maps."""

import operator

import keras
import numpy as np
from keras import ops

from keras_action.models.graph import Graph
from keras_action.models.insertion import InsertionPoint, as_functional, insert_layers
from keras_action.utils.fields import did_you_mean


def class_activation_maps(model, clips, class_ids=None):
    """Class activation maps (CAM) of each frame: the contribution of each position of the last map to a class's logit.

    A frame's logit of class c is w_c · mean(F) + b_c, with the mean over the positions of its last map F. The class
    activation map is w_c · F at each position: its mean plus b_c is the frame's logit, and the mean over the frames is
    the clip's. This is exact.

    Args:
        model: A model of `keras_action.build_action_net`, `build_tsm` or `build_tsn`, or another with a global average
            pooling named `pool` and then one dense layer, `classifier`.
        clips: `(B, T, H, W, 3)`, as the model takes them: RGB 0..255.
        class_ids: Integers, the class of each clip, or one for all; `None` for the predicted class.

    Returns:
        float32 array `(B, T, h, w)` in units of the logit, with h × w the size of the last map. Negative values are
        evidence against the class.

    Raises:
        ValueError: If the model has another head (`grad_cam` takes any), or clips or classes don't fit it.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> keras_action.class_activation_maps(model, np.zeros((1, 8, 224, 224, 3))).shape
    (1, 8, 7, 7)

    Reference: [Zhou et al., 2016](https://arxiv.org/abs/1512.04150), equations 1 and 2.
    """
    clips = check_clips(model, clips)
    class_ids = _check_class_ids(model, class_ids, len(clips))
    pool, classifier = _find_head(model)
    logits_and_features = keras.Model(model.input, [model.output, pool.input])
    kernel = _float32(classifier.kernel)
    maps = []
    for clip, class_id in zip(clips, class_ids, strict=True):
        logits, features = map(_float32, logits_and_features(clip[None], training=False))
        maps.append(features @ kernel[:, logits[0].argmax() if class_id is None else class_id])
    return np.stack(maps)


def grad_cam(model, clips, layer=None, class_ids=None, relu=True):
    """Gradient-weighted class activation maps (Grad-CAM) of each frame, at any layer.

    With A the layer's output for T frames of h × w positions, and y the clip's logit of the class, the weight of
    channel k in frame t is α = T · Σ ∂y / ∂A(t, ·, ·, k), the sum over the positions, and the map is ReLU(Σ_k α A).
    This is Grad-CAM of each frame times a factor, with which the map of the last layer is `class_activation_maps`
    without its negative values. For earlier layers it is an approximation.

    Works on TensorFlow, JAX and PyTorch, one clip at a time.

    Args:
        model: A functional Keras model from clips to logits, with any head.
        clips: `(B, T, H, W, 3)`, as the model takes them: RGB 0..255.
        layer: Name of a layer with output `(B·T, h, w, C)`; or an integer s, for the last layer on every path with maps
            s times smaller than the frames; or `None`, for the last one before the pooling.
        class_ids: Integers, the class of each clip, or one for all; `None` for the predicted class.
        relu: Whether negative values, evidence against the class, are set to zero, as in the paper.

    Returns:
        float32 array `(B, T, h, w)`.

    Raises:
        ValueError: If there is no such layer, or its output isn't a map of each frame; if clips or classes don't fit
            the model.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> keras_action.grad_cam(model, np.zeros((1, 8, 224, 224, 3)), "block_12_add").shape
    (1, 8, 14, 14)
    >>> keras_action.grad_cam(model, np.zeros((1, 8, 224, 224, 3)), 8).shape
    (1, 8, 28, 28)

    Reference: [Selvaraju et al., 2017](https://arxiv.org/abs/1610.02391), equations 1 and 2.
    """
    model = as_functional(model)
    clips = check_clips(model, clips)
    class_ids = _check_class_ids(model, class_ids, len(clips))
    features_and_gradient = _make_gradient(model, _map_of(model, find_map_layer(model, layer)))
    maps = []
    for clip, class_id in zip(clips, class_ids, strict=True):
        features, gradient = map(_float32, features_and_gradient(clip[None], class_id))
        weights = gradient.mean(axis=(1, 2), keepdims=True)
        maps.append((weights * features).sum(axis=-1))
    maps = np.stack(maps)
    return np.maximum(maps, 0) if relu else maps


def find_map_layer(model, layer=None):
    """The name of the layer for an argument `layer` of `grad_cam`."""
    if isinstance(layer, str):
        return layer
    graph = Graph(model)
    # The layers on every path from the input to the logits, the last one first.
    (output,) = model.outputs
    passed = sorted(graph.dominators[output._keras_history.operation.name], key=graph.order.get, reverse=True)
    passed = [name for name in passed if not isinstance(graph.operations[name], keras.layers.ZeroPadding2D)]
    strides = {name: graph.strides[name] for name in passed if len(graph.shapes.get(name, ())) == 4}
    found = [name for name, stride in strides.items() if layer in (None, stride)]
    if not found:
        known = ", ".join(f"{stride:g}" for stride in sorted(set(strides.values())))
        raise ValueError(
            f"`layer` must be a layer's name, None, or how many times smaller its map is: one of {known}. "
            f"Received: layer={layer!r}, model={model.name!r}"
        )
    return found[0]


def check_clips(model, clips):
    """The clips as a float32 array; a `ValueError` if the model does not take them."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(model, keras.Model) or not isinstance(shape, tuple) or len(shape) != 5:
        raise ValueError(f"A Keras model of clips (B, T, H, W, 3) is expected. Received: {model!r}")
    clips = np.asarray(clips)
    fits = all(expected in (None, size) for expected, size in zip(shape, clips.shape, strict=False))
    if clips.ndim != 5 or not fits or not len(clips):
        raise ValueError(f"`clips` must be of shape {shape}. Received: clips.shape={clips.shape}")
    return clips.astype("float32")


def _check_class_ids(model, class_ids, count):
    """List of an integer or `None` for each clip."""
    if class_ids is None:
        return [None] * count
    classes = model.output_shape[-1]
    try:
        ids = [operator.index(i) for i in ([class_ids] * count if np.ndim(class_ids) == 0 else class_ids)]
    except TypeError:
        ids = []
    if len(ids) != count or not all(0 <= i < classes for i in ids):
        raise ValueError(
            f"`class_ids` must be None, an integer below {classes}, or one for each of {count} clips. "
            f"Received: class_ids={class_ids}"
        )
    return ids


def _find_head(model):
    """The pooling and the dense layer of a model with exact maps."""
    layers = {layer.name: layer for layer in model.layers}
    pool, classifier = layers.get("pool"), layers.get("classifier")
    if "memory" in layers:
        raise ValueError(
            "A model with a memory has no class activation maps. "
            f"Received: model {model.name!r} with memory={layers['memory'].units}. Use `keras_action.grad_cam`."
        )
    if not isinstance(pool, keras.layers.GlobalAveragePooling2D) or not isinstance(classifier, keras.layers.Dense):
        raise ValueError(
            "The model must have a GlobalAveragePooling2D named 'pool' and a Dense named 'classifier', as the models "
            f"of this package; grad_cam takes any. Received: model={model.name!r}"
        )
    return pool, classifier


def _map_of(model, name):
    """The output of a layer or operation of the model, a Keras tensor."""
    operations = {operation.name: operation for operation in model.operations}
    if name not in operations:
        raise ValueError(
            f"`layer` must be a layer of the model.{did_you_mean(name, operations)} Received: layer={name!r}"
        )
    output = operations[name].output
    if not isinstance(output, keras.KerasTensor) or len(output.shape) != 4:
        raise ValueError(
            "`layer` must be a layer with a map for each frame, (B·T, h, w, C). "
            f"Received: layer={name!r}, which gives {getattr(output, 'shape', output)}"
        )
    return output


def _make_gradient(model, tensor):
    """A function from a clip and a class to the value of a Keras tensor of the model and the gradient of the score."""
    positions = model.input_shape[1] * tensor.shape[1] * tensor.shape[2]

    def score(logits, class_id):
        logits = ops.cast(logits[0], "float32")
        # Times the number of positions, so that small gradients do not vanish in float16.
        return positions * ops.take(logits, ops.argmax(logits) if class_id is None else class_id)

    backend = keras.backend.backend()
    if backend == "jax":
        return _make_jax_gradient(model, tensor, score)
    if backend not in ("tensorflow", "torch"):
        raise ValueError(f"Gradients need the backend tensorflow, jax or torch. Received: backend={backend!r}")
    both = keras.Model(model.input, [model.output, tensor])

    def tensorflow_gradient(clip, class_id):
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            clip = tf.convert_to_tensor(clip)
            tape.watch(clip)
            logits, features = both(clip, training=False)
            target = score(logits, class_id)
        return features, tape.gradient(target, features)

    def torch_gradient(clip, class_id):
        import torch

        clip = ops.convert_to_tensor(clip).requires_grad_()
        logits, features = both(clip, training=False)
        return features, *torch.autograd.grad(score(logits, class_id), features)

    return tensorflow_gradient if backend == "tensorflow" else torch_gradient


def _make_jax_gradient(model, tensor, score):
    """As `_make_gradient`. JAX differentiates by inputs only, so a copy of the model adds zeros, which are an input."""
    import jax

    zeros = _AddZeros((model.input_shape[1], *tensor.shape[1:]), dtype=tensor.dtype)
    copy = insert_layers(model, {InsertionPoint(after=tensor._keras_history.operation.name): zeros})
    both = keras.Model(copy.input, [copy.output, zeros.output])
    others = [variable.value for variable in both.non_trainable_variables]

    def gradient(clip, class_id):
        def score_and_features(added):
            values = [added if v is zeros.zeros else v.value for v in both.trainable_variables]
            (logits, features), _ = both.stateless_call(values, others, clip, training=False)
            return score(logits, class_id), features

        gradient, features = jax.grad(score_and_features, has_aux=True)(zeros.zeros.value)
        return features, gradient

    return gradient


class _AddZeros(keras.layers.Layer):
    """Adds a variable of zeros: its gradient is the gradient of the tensor that it is added to."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.zeros = self.add_weight(name="zeros", shape=shape, initializer="zeros")

    def call(self, inputs):
        return inputs + self.zeros

    def compute_output_shape(self, input_shape):
        return input_shape


def _float32(x):
    return ops.convert_to_numpy(x).astype("float32")

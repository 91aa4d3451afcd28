"""Class activation maps: where in its frames a model sees a class."""

import difflib
import operator

import keras
import numpy as np
from keras import ops

from keras_action.models.graph import Graph
from keras_action.models.insertion import InsertionPoint, as_functional, insert_layers


def class_activation_maps(model, clips, class_ids=None):
    """Class activation maps (CAM) of each frame: what each place of the last map adds to the class's logit.

    A frame's logit of class c is w_c · mean(F) + b_c, the mean being over the places of its last map F. As that is
    linear, the map is w_c · F, place by place: its mean over a frame, plus b_c, is the frame's logit, and the mean of
    those over the frames is the clip's. Nothing is approximated.

    Args:
        model: A model as `keras_action.build_action_net`, `build_tsm` and `build_tsn` make it, with a global average
            pooling named `pool` and one dense layer, `classifier`, behind it.
        clips: `(B, T, H, W, 3)`, as the model takes them: RGB 0..255.
        class_ids: The class of each clip, B whole numbers, or one for all; `None` for the class that is predicted.

    Returns:
        float32 array `(B, T, h, w)`, h × w being the size of the last map; in units of the logit. Negative values
        speak against the class.

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

    With A the layer's output for T frames of h × w places, and y the clip's logit of the class, the weight of channel
    k in frame t is α = T · Σ ∂y / ∂A(t, ·, ·, k), the sum being over the places, and the map is ReLU(Σ_k α A). It is
    the definition of Grad-CAM, frame by frame, but for a factor, with which the map of the last layer is
    `class_activation_maps` less its negative part. At layers before it is an approximation.

    Works on TensorFlow, JAX and PyTorch. One clip is computed at a time.

    Args:
        model: A functional Keras model from clips to logits, whatever its head.
        clips: `(B, T, H, W, 3)`, as the model takes them: RGB 0..255.
        layer: The layer whose output is looked at, `(B·T, h, w, C)`: its name; or a whole number s, for the last
            layer with maps s times smaller than the frames that no shortcut passes by; or `None`, for the last one
            before the pooling.
        class_ids: The class of each clip, B whole numbers, or one for all; `None` for the class that is predicted.
        relu: Whether negative values, which speak against the class, are set to zero, as in the paper.

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
    """The name of a layer: `layer` as `grad_cam` takes it."""
    if isinstance(layer, str):
        return layer
    graph = Graph(model)
    # Backwards from the logits: the layers that every way comes through, and that have a map for each frame.
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
    """The clips as a float32 array, or a `ValueError` where the model does not take them."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(model, keras.Model) or not isinstance(shape, tuple) or len(shape) != 5:
        raise ValueError(f"A Keras model of clips (B, T, H, W, 3) is expected. Received: {model!r}")
    clips = np.asarray(clips)
    fits = all(expected in (None, size) for expected, size in zip(shape, clips.shape, strict=False))
    if clips.ndim != 5 or not fits or not len(clips):
        raise ValueError(f"`clips` must be of shape {shape}. Received: clips.shape={clips.shape}")
    return clips.astype("float32")


def _check_class_ids(model, class_ids, count):
    """A whole number, or `None`, for each clip."""
    if class_ids is None:
        return [None] * count
    classes = model.output_shape[-1]
    try:
        ids = [operator.index(i) for i in ([class_ids] * count if np.ndim(class_ids) == 0 else class_ids)]
    except TypeError:
        ids = []
    if len(ids) != count or not all(0 <= i < classes for i in ids):
        raise ValueError(
            f"`class_ids` must be None, or one whole number below {classes} for all clips, or for each of {count}. "
            f"Received: class_ids={class_ids}"
        )
    return ids


def _find_head(model):
    """The pooling and the dense layer of a model whose maps are exact."""
    layers = {layer.name: layer for layer in model.layers}
    pool, classifier = layers.get("pool"), layers.get("classifier")
    if not isinstance(pool, keras.layers.GlobalAveragePooling2D) or not isinstance(classifier, keras.layers.Dense):
        raise ValueError(
            "The model must have a GlobalAveragePooling2D named 'pool' and a Dense named 'classifier', as the models "
            f"of this package have; grad_cam takes others. Received: model={model.name!r}"
        )
    return pool, classifier


def _map_of(model, name):
    """The Keras tensor that a layer or operation of the model puts out."""
    operations = {operation.name: operation for operation in model.operations}
    if name not in operations:
        close = difflib.get_close_matches(name, operations, n=5, cutoff=0.3)
        raise ValueError(f"`layer` must be a layer of the model; close ones are {close}. Received: layer={name!r}")
    output = operations[name].output
    if not isinstance(output, keras.KerasTensor) or len(output.shape) != 4:
        raise ValueError(
            "`layer` must be a layer with a map for each frame, (B·T, h, w, C). "
            f"Received: layer={name!r}, which gives {getattr(output, 'shape', output)}"
        )
    return output


def _make_gradient(model, tensor):
    """A function from one clip and a class to the value of a Keras tensor of the model, and the score's gradient."""
    places = model.input_shape[1] * tensor.shape[1] * tensor.shape[2]

    def score(logits, class_id):
        logits = ops.cast(logits[0], "float32")
        # Times the number of places, so that float16 does not lose the gradient: each place has a small share.
        return places * ops.take(logits, ops.argmax(logits) if class_id is None else class_id)

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
            tape.watch(clip)  # so that all that follows from it is recorded
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
    """As `_make_gradient`. JAX differentiates by inputs alone: zeros are one, which a copy of the model adds."""
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
    """Adds a variable, which is zero: the gradient with respect to it is that with respect to what it is added to."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.zeros = self.add_weight(name="zeros", shape=shape, initializer="zeros")

    def call(self, inputs):
        return inputs + self.zeros

    def compute_output_shape(self, input_shape):
        return input_shape


def _float32(x):
    return ops.convert_to_numpy(x).astype("float32")

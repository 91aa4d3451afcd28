"""The float file of a clip model: what is quantised, and what quantised files are compared with."""

from keras_action.litert.converter import float_file, in_float32
from keras_action.litert.layer_names import LayerNames
from keras_action.litert.quiet import quiet


def float_clip_file(model, quantization=None):
    """The bytes of a clip model's file before it is quantised to integers, without metadata.

    A tensor has the same name in all files of a model.
    """
    import keras

    # A static batch of one: the delegates plan their memory for it.
    clip = keras.Input(batch_shape=(1, *model.input_shape[1:]), name="clip", dtype="float32")
    with quiet():
        logits = _deployed(in_float32(model))(clip, training=False)
    return float_file(clip, {"logits": logits}, LayerNames(model), quantization)


def _deployed(model):
    """The same function in operators that run fast; a model that is not functional stays as it is."""
    import keras

    from keras_action.litert.deployment import deployment_model  # it imports Keras

    return deployment_model(model) if hasattr(model, "operations") or isinstance(model, keras.Sequential) else model

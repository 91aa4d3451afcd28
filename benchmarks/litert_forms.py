"""Forms of one model for `benchmarks.litert`: the Keras model, the model that is converted, and steps between them.

Each form but `deployment` undoes one or more steps of `keras_action.litert.deployment`, to measure their effect.
"""

import keras
from keras import ops

from keras_action.layers import Action, TemporalShift
from keras_action.litert.deployment import deployment_model
from keras_action.litert.inference_action import InferenceAction
from keras_action.models.insertion import copy_layer, copy_weights


@keras.saving.register_keras_serializable(package="keras_action_benchmarks")
class HiddenLayer(keras.layers.Layer):
    """Hides a layer from `deployment_model`, which then copies it."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape):
        if not self.layer.built:  # a copy's is
            self.layer.build(input_shape)

    def call(self, inputs):
        return self.layer(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "layer": keras.saving.deserialize_keras_object(config["layer"])})


class BorderBySlices(InferenceAction):
    """ME's border sliced from the frames and squeezed afterwards, an operator for each row, column and corner."""

    def _squeezed_means(self, x, mean):
        rows, columns = (ops.concatenate(_ends(x, axis), axis=axis) for axis in (1, 2))
        parts = [mean, ops.mean(rows, axis=2), ops.mean(columns, axis=1), *_ends(rows, 2)]
        parts = [
            ops.reshape(part, (-1, 1, size, x.shape[-1])) for part, size in zip(parts, (1, 2, 2, 2, 2), strict=True)
        ]
        return ops.matmul(ops.concatenate(parts, axis=2), self.me_squeeze)


class NarrowShift(InferenceAction):
    """The shift pixel by pixel."""

    def _pixels_at_once(self, height, width, channels):
        return 1


class MeanOperator(InferenceAction):
    """STE's mean over few channels by the operator MEAN, as over many."""

    def _channel_mean(self, x):
        return ops.mean(x, axis=-1)


def _ends(x, axis):
    size = [*ops.shape(x)]
    size[axis] = 1
    return [ops.slice(x, [start * (i == axis) for i in range(4)], size) for start in (0, x.shape[axis] - 1)]


def plain(model):
    """All that `deployment_model` would change is kept from it."""
    return _hide(model, (Action, TemporalShift, keras.layers.Rescaling))


def normalisation(model):
    """Only the normalisation of the frames is in the form of `deployment_model`."""
    return deployment_model(_hide(model, (Action, TemporalShift)))


def _hide(model, kinds):
    def clone(layer):
        copy = copy_layer(layer)
        return HiddenLayer(copy, name=f"{layer.name}_as_it_is") if isinstance(layer, kinds) else copy

    hidden = keras.models.clone_model(model, clone_function=clone)
    copy_weights(model, hidden)
    for layer in hidden.layers:
        if isinstance(layer, HiddenLayer):
            layer.layer.set_weights(model.get_layer(layer.layer.name).get_weights())
    return hidden


def _with(kind):
    """`deployment_model` with another class for the temporal layers."""

    def form(model):
        deployed = deployment_model(model)

        def clone(layer):
            if isinstance(layer, InferenceAction):
                return kind.from_config(layer.get_config())
            return copy_layer(layer)

        copy = keras.models.clone_model(deployed, clone_function=clone)
        copy_weights(deployed, copy)
        return copy

    form.__doc__ = kind.__doc__
    return form


FORMS = {
    "deployment": lambda model: model,  # `convert` does it
    "plain": plain,
    "normalisation": normalisation,
    "slices": _with(BorderBySlices),
    "narrow": _with(NarrowShift),
    "mean": _with(MeanOperator),
}

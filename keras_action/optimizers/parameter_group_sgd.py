"""SGD with a learning rate for each parameter group."""

import keras
from keras import ops


def parameter_groups(variables, classifier=None):
    """The group of each of a model's variables, as the released code of TSN, TSM and ACTION-Net divides them.

    Biases are told by their name; gains and offsets (`gamma`, `beta`, and what else has one axis) are `"norm"`; all
    that is left is `"weight"`: the kernels of convolutions, depthwise ones and those of the ACTION modules with them.
    The release lists its first convolution and the modules' weights and batch normalisations apart, but treats them
    as the others.

    Args:
        variables: List of Keras variables in the order of `model.trainable_variables`.
        classifier: Name of the layer that is the classifier. By default the last layer of the list where that is a
            `Dense` (it has a `kernel` of two axes), else there is none: a frozen classifier does not make another
            layer one.

    Returns:
        List of `"weight"`, `"bias"` and `"norm"`, with `"classifier_"` in front for those of the classifier.

    Raises:
        ValueError: where no variable belongs to a layer with the name `classifier`.

    Example:

    >>> model = keras_action.build_action_net("mobilenet_v2", num_classes=83)
    >>> collections.Counter(keras_action.optimizers.parameter_groups(model.trainable_variables))
    Counter({'weight': 132, 'norm': 124, 'classifier_weight': 1, 'classifier_bias': 1})
    """
    layers = [variable.path.rpartition("/")[0] for variable in variables]
    if classifier is None:
        last = ((variable, layer) for variable, layer in zip(variables, layers, strict=True) if layer == layers[-1])
        heads = {layer for variable, layer in last if variable.name == "kernel" and len(variable.shape) == 2}
    else:
        heads = {layer for layer in layers if layer.rpartition("/")[2] == classifier}
        if not heads:
            raise ValueError(
                "`classifier` must be the name of a layer with trainable weights; the last one here is "
                f"{layers[-1]!r}. Received: classifier={classifier!r}"
            )
    return [
        ("classifier_" if layer in heads else "") + _kind(variable)
        for variable, layer in zip(variables, layers, strict=True)
    ]


def _kind(variable):
    if variable.name.endswith("bias"):
        return "bias"
    return "norm" if variable.name in ("gamma", "beta") or len(variable.shape) < 2 else "weight"


@keras.saving.register_keras_serializable(package="keras_action")
class ParameterGroupSGD(keras.optimizers.SGD):
    """SGD as the released code of ACTION-Net trains: PyTorch's rule, and a learning rate for each parameter group.

    With the gradient g, clipped by its global norm with all others, the weight w, the learning rate η, the momentum μ
    and the weight decay λ, a step is

        v ← μ v + g + λ w
        w ← w − η v

    which is not that of `keras.optimizers.SGD` in two ways. The decay is a part of the gradient, so momentum sums it
    up: about 1 / (1 − μ), ten times, stronger than Keras' decoupled one of the same λ. And η stands outside of v: when
    it is lowered, the steps are shorter at once, while in Keras the old, longer ones fade with μ.

    | group | η times | λ times |
    | --- | --- | --- |
    | `weight` | 1 | 1 |
    | `bias` | 2 | 0 |
    | `norm` (scale and offset of normalisations) | 1 | 0 |
    | `classifier_weight` | 5 | 1 |
    | `classifier_bias` | 10 | 0 |

    `parameter_groups` says which variable is in which; after `build` they are in `optimizer.groups`. The released
    program decays by 1e-5 if not told otherwise, while its help says the 5e-4 that stands here. To train without some
    batch normalisations, as its option `--npb` does with all but the first, set `layer.trainable = False` before
    `compile`.

    It works on all backends, in mixed precision and under `MirroredStrategy`. There the sum of the replicas' gradients
    is clipped, as if there were one replica, while Keras clips each replica's own; `gradient_accumulation_steps` is an
    error there, as no optimiser of Keras can do it.

    Args:
        learning_rate: Float, schedule or callable; η.
        momentum: Float, μ.
        weight_decay: Float, λ, or `None`.
        global_clipnorm: Float, the greatest norm of all gradients together, or `None`.
        nesterov: Whether a step is μ v + g + λ w instead of v.
        classifier: Name of the classifier's layer. By default the model's last layer with trainable weights, where
            that is a `Dense`, as in all models of `keras_action`.
        classifier_multiplier: Float, the classifier's learning rate over that of the other layers; 1.0 makes them
            alike (the release's `fc_lr5=False`).
        **kwargs: All other arguments of `keras.optimizers.SGD`.

    Raises:
        ValueError: for gradient accumulation under `MirroredStrategy`; and, when it is built, where no layer is called
            `classifier`.

    Example:

    >>> model.compile(keras_action.optimizers.ParameterGroupSGD(learning_rate=0.01), loss="categorical_crossentropy")

    Reference: ACTION-Net's release (https://github.com/V-Sense/ACTION-Net, `get_optim_policies` in
    `models/models.py`), which has it from TSN, [Wang et al., 2016](https://arxiv.org/abs/1608.00859).
    """

    def __init__(
        self,
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        global_clipnorm=20.0,
        nesterov=False,
        classifier=None,
        classifier_multiplier=5.0,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            global_clipnorm=global_clipnorm,
            nesterov=nesterov,
            **kwargs,
        )
        self.classifier = classifier
        self.classifier_multiplier = classifier_multiplier
        self._replicas = 1
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            strategy = tf.distribute.get_strategy()
            self._replicas = strategy.num_replicas_in_sync
            if self.gradient_accumulation_steps and isinstance(strategy, tf.distribute.MirroredStrategy):
                raise ValueError(
                    "Keras cannot accumulate gradients under MirroredStrategy: make the batch larger instead. "
                    f"Received: gradient_accumulation_steps={self.gradient_accumulation_steps}"
                )

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.groups = tuple(parameter_groups(variables, self.classifier))
        # By index: inside a replica of a strategy a variable has no path.
        self._rates = [
            (2 if group.endswith("bias") else 1) * (self.classifier_multiplier if group.startswith("classifier") else 1)
            for group in self.groups
        ]
        self._decays = [
            (self.weight_decay or 0.0) * (group.endswith("weight") and self._use_weight_decay(variable))
            for group, variable in zip(self.groups, variables, strict=True)
        ]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        step = ops.cast(gradient, variable.dtype)
        if self._decays[index]:
            step = ops.add(step, ops.multiply(variable, self._decays[index]))
        if self.momentum:
            velocity = self.momentums[index]
            self.assign(velocity, ops.add(ops.multiply(velocity, self.momentum), step))
            step = ops.add(step, ops.multiply(velocity, self.momentum)) if self.nesterov else velocity
        rate = ops.multiply(ops.cast(learning_rate, variable.dtype), self._rates[index])
        self.assign_sub(variable, ops.multiply(step, rate))

    def _apply_weight_decay(self, variables):
        """Nothing: in place of Keras' decoupled decay, `update_step` adds it to the clipped gradient."""

    def _clip_gradients(self, grads):
        # Keras would clip the gradients of each replica, before they are added up.
        return grads if self._replicas > 1 else super()._clip_gradients(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """On TensorFlow the sums of the replicas' gradients; here they are clipped, where there are several replicas.

        What is not finite becomes zero: a loss scale too high for one replica's clips must not spoil the weights, and
        `LossScaleOptimizer` skips a step only where the first replica's gradients overflow.
        """
        grads_and_vars = super()._all_reduce_sum_gradients(grads_and_vars)
        if self._replicas == 1:
            return grads_and_vars
        grads, variables = zip(*grads_and_vars, strict=True)
        grads = super()._clip_gradients(grads)
        return [(ops.where(ops.isfinite(g), g, 0), variable) for g, variable in zip(grads, variables, strict=True)]

    def get_config(self):
        return {
            **super().get_config(),
            "classifier": self.classifier,
            "classifier_multiplier": self.classifier_multiplier,
        }

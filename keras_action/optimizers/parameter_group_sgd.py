"""SGD with PyTorch's update rule and parameter groups."""

import keras
from keras import ops


def parameter_groups(variables, classifier=None):
    """The parameter group of each variable of a model, as in the reference code of TSN, TSM and ACTION-Net.

    Biases are found by name; scales and offsets (`gamma`, `beta`, and others with one axis) are `"norm"`; all others
    are `"weight"`, among them the kernels of depthwise convolutions and of the ACTION modules. The reference code has
    groups of its own for the first convolution and for the modules, but with the same settings.

    Args:
        variables: List of Keras variables in the order of `model.trainable_variables`.
        classifier: Name of the classifier's layer. By default the last layer of the list if it is a `Dense` (with a
            `kernel` of two axes), else none, as a classifier may be frozen.

    Returns:
        List of `"weight"`, `"bias"` and `"norm"`, with the prefix `"classifier_"` for those of the classifier.

    Raises:
        ValueError: if no variable belongs to a layer with the name `classifier`.

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
    """SGD with PyTorch's update rule and a learning rate for each parameter group, as ACTION-Net is trained.

    With the gradient g, clipped by its global norm with all others, the weight w, the learning rate η, the momentum μ
    and the weight decay λ, a step is

        v ← μ v + g + λ w
        w ← w − η v

    which differs from `keras.optimizers.SGD` in two ways. The decay is a part of the gradient and accumulates in the
    momentum: it is about 1 / (1 − μ), ten times, stronger than Keras' decoupled decay with the same λ. And η is not a
    part of v: a lower rate shortens the steps at once, while in Keras the earlier, longer ones fade with μ.

    | group | η times | λ times |
    | --- | --- | --- |
    | `weight` | 1 | 1 |
    | `bias` | 2 | 0 |
    | `norm` (scale and offset of normalisations) | 1 | 0 |
    | `classifier_weight` | 5 | 1 |
    | `classifier_bias` | 10 | 0 |

    `parameter_groups` tells the group of each variable; after `build` they are in `optimizer.groups`. The reference
    program has a default λ of 1e-5, but its help says 5e-4, the default here. To train without some batch
    normalisations, as its option `--npb` does with all but the first, set `layer.trainable = False` before `compile`.

    It works on all backends, in mixed precision and under `MirroredStrategy`, where it clips the sum of the replicas'
    gradients as if there were one replica (Keras clips the gradients of each replica). As with all optimisers of Keras,
    `gradient_accumulation_steps` is not supported under `MirroredStrategy`.

    Args:
        learning_rate: Float, schedule or callable; η.
        momentum: Float, μ.
        weight_decay: Float, λ, or `None`.
        global_clipnorm: Float, the largest norm of all gradients together, or `None`.
        nesterov: Whether a step is μ v + g + λ w instead of v.
        classifier: Name of the classifier's layer. By default the model's last layer with trainable weights if it is
            a `Dense`, as in all models of `keras_action`.
        classifier_multiplier: Float, the factor of the classifier's learning rate; 1.0 as the reference code with
            `fc_lr5=False`.
        **kwargs: Other arguments of `keras.optimizers.SGD`.

    Raises:
        ValueError: for gradient accumulation under `MirroredStrategy`; and, when it is built, if no layer is called
            `classifier`.

    Example:

    >>> model.compile(keras_action.optimizers.ParameterGroupSGD(learning_rate=0.01), loss="categorical_crossentropy")

    Reference: ACTION-Net's reference code (https://github.com/V-Sense/ACTION-Net, `get_optim_policies` in
    `models/models.py`), after TSN, [Wang et al., 2016](https://arxiv.org/abs/1608.00859).
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
                    "Keras cannot accumulate gradients under MirroredStrategy: use a larger batch instead. "
                    f"Received: gradient_accumulation_steps={self.gradient_accumulation_steps}"
                )

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.groups = tuple(parameter_groups(variables, self.classifier))
        # By index, as variables have no path inside a replica.
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
        """Does nothing: `update_step` adds the decay to the clipped gradient, instead of Keras' decoupled decay."""

    def _clip_gradients(self, grads):
        # Keras clips the gradients of each replica before they are summed.
        return grads if self._replicas > 1 else super()._clip_gradients(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Sums the gradients of several replicas, and clips the sum.

        Values that are not finite become zero, as `LossScaleOptimizer` skips a step only if the first replica's
        gradients overflow.
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

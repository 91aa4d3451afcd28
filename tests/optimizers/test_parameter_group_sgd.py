import functools
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_action
from keras_action.optimizers import AdamW, ParameterGroupSGD, parameter_groups
from tests.optimizers import optimizer_run
from tests.test_case import eagerly

ROOT = Path(__file__).resolve().parents[2]


def test_biases_and_norms_do_not_decay_even_after_loading(tmp_path):
    x = inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(4, name="dense")(x))
    model = keras.Model(inputs, keras.layers.Dense(1, name="head")(x))
    model.compile(AdamW(learning_rate=0.0, weight_decay=0.5), "mse")
    data = np.ones((8, 4), "float32"), np.ones((8, 1), "float32")
    model.fit(*data, verbose=0)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        assert isinstance(each.optimizer, AdamW)
        decays = {w.path: bool(each.optimizer._use_weight_decay(w)) for w in each.trainable_weights}
        assert decays == {path: path.endswith("kernel") for path in decays}


# === Groups ===


# MobileNetV2's are the release's (shared/reference, `meta["groups"]`): 1 first convolution, 51 others and 80 in the
# modules; 104 of batch normalisations and 20 in the modules. Keras' ResNet and BNInception have biases.
@pytest.mark.parametrize(
    ("backbone", "variant", "weights", "biases", "norms"),
    [
        ("mobilenet_v2", "keras", 1 + 51 + 80, 0, 104 + 20),
        pytest.param("resnet50", "keras", 53 + 128, 53, 106 + 32, marks=pytest.mark.slow),
        pytest.param("resnet50", "torchvision", 53 + 128, 0, 106 + 32, marks=pytest.mark.slow),
        pytest.param("bn_inception", "caffe", 69 + 80, 69, 138 + 20, marks=pytest.mark.slow),
    ],
)
def test_groups_of_a_real_model(backbone, variant, weights, biases, norms):
    model = keras_action.build_action_net(backbone, 27, num_segments=2, input_size=64, variant=variant)
    variables = model.trainable_variables
    groups = parameter_groups(variables)
    assert Counter(groups) == Counter(
        {"weight": weights, "bias": biases, "norm": norms, "classifier_weight": 1, "classifier_bias": 1}
    )
    for variable, group in zip(variables, groups, strict=True):
        layer, _, name = variable.path.rpartition("/")
        if layer == "classifier":
            assert group == {"kernel": "classifier_weight", "bias": "classifier_bias"}[name]
        else:
            assert group == {"bias": "bias", "gamma": "norm", "beta": "norm"}.get(name, "weight")
    paths = {variable.path: group for variable, group in zip(variables, groups, strict=True)}
    module = next(layer.name for layer in model.layers if layer.name.endswith("_action"))
    assert {path.removeprefix(f"{module}/"): paths[path] for path in paths if path.startswith(f"{module}/")} == {
        "shift/kernel": "weight",
        "ste/kernel": "weight",
        "ce/squeeze_kernel": "weight",
        "ce/expand_kernel": "weight",
        "ce/temporal_kernel": "weight",
        "me/squeeze_kernel": "weight",
        "me/expand_kernel": "weight",
        "me/spatial_kernel": "weight",
        "me/norm/gamma": "norm",
        "me/norm/beta": "norm",
    }


def head_model(*heads):
    x = inputs = keras.Input((4, 4, 3))
    for layer in (keras.layers.Conv2D(2, 1, name="stem"), keras.layers.LayerNormalization(axis=(1, 2, 3)), *heads):
        x = layer(x)
    return keras.Model(inputs, x)


DENSE = (keras.layers.Dense, "logits")


@pytest.mark.parametrize(
    ("heads", "classifier", "expected"),
    [
        ([DENSE], None, {"logits/kernel", "logits/bias"}),
        ([(keras.layers.Dense, "hidden"), DENSE], None, {"logits/kernel", "logits/bias"}),
        ([DENSE, (keras.layers.Softmax, "softmax")], None, {"logits/kernel", "logits/bias"}),
        ([DENSE, (keras.layers.BatchNormalization, "norm")], None, set()),
        ([DENSE, (keras.layers.BatchNormalization, "norm")], "logits", {"logits/kernel", "logits/bias"}),
        ([DENSE], "stem", {"stem/kernel", "stem/bias"}),
        ([], None, set()),
    ],
)
def test_which_layer_is_the_classifier(heads, classifier, expected):
    layers = [kind(5, name=name) if kind is keras.layers.Dense else kind(name=name) for kind, name in heads]
    variables = head_model(*layers).trainable_variables
    groups = parameter_groups(variables, classifier)
    assert {v.path for v, g in zip(variables, groups, strict=True) if g.startswith("classifier_")} == expected
    for variable, group in zip(variables, groups, strict=True):
        kind = {"bias": "bias", "gamma": "norm", "beta": "norm"}.get(variable.name, "weight")
        assert group.removeprefix("classifier_") == kind


def test_frozen_layers():
    model = head_model(keras.layers.Dense(5, name="logits"))
    model.get_layer("logits").trainable = False
    assert Counter(parameter_groups(model.trainable_variables)) == {"weight": 1, "bias": 1, "norm": 2}
    with pytest.raises(ValueError, match=r"last one here is 'layer_norm.*'. Received: classifier='logits'"):
        ParameterGroupSGD(classifier="logits").build(model.trainable_variables)
    assert parameter_groups([]) == []


# === The rule ===

MULTIPLIERS = {  # of the learning rate, of the weight decay
    "weight": (1, 1),
    "bias": (2, 0),
    "norm": (1, 0),
    "classifier_weight": (5, 1),
    "classifier_bias": (10, 0),
}
RATES = (0.1, 0.1, 0.1, 0.01, 0.02)
DEFAULTS = {"momentum": 0.9, "weight_decay": 5e-4, "global_clipnorm": 20.0, "nesterov": False}


def numpy_run(weights, groups, gradients, options):
    """PyTorch's rule, written down."""
    weights = [weight.astype("float64") for weight in weights]
    velocities = [0.0] * len(weights)
    for learning_rate, step_gradients in zip(RATES, gradients, strict=True):
        clip = options["global_clipnorm"] or np.inf
        scale = min(1, clip / np.sqrt(sum((g**2).sum() for g in step_gradients)))
        for i, (group, gradient) in enumerate(zip(groups, step_gradients, strict=True)):
            rate, decay = MULTIPLIERS[group]
            step = gradient * scale + (options["weight_decay"] or 0) * decay * weights[i]
            velocities[i] = options["momentum"] * velocities[i] + step
            step = step + options["momentum"] * velocities[i] if options["nesterov"] else velocities[i]
            weights[i] = weights[i] - learning_rate * rate * step
    return weights


def torch_run(weights, groups, gradients, options):
    """PyTorch itself, as the released program calls it."""
    torch = pytest.importorskip("torch", reason="torch.optim.SGD is the reference")
    parameters = [torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64)) for weight in weights]
    policies = [
        {"params": [parameter], "lr": 0.0, "weight_decay": (options["weight_decay"] or 0) * MULTIPLIERS[group][1]}
        for parameter, group in zip(parameters, groups, strict=True)
    ]
    optimizer = torch.optim.SGD(policies, momentum=options["momentum"], nesterov=options["nesterov"])
    for learning_rate, step_gradients in zip(RATES, gradients, strict=True):
        for policy, group, parameter, gradient in zip(
            optimizer.param_groups, groups, parameters, step_gradients, strict=True
        ):
            policy["lr"] = learning_rate * MULTIPLIERS[group][0]
            parameter.grad = torch.tensor(gradient)
        if options["global_clipnorm"]:
            torch.nn.utils.clip_grad_norm_(parameters, options["global_clipnorm"])
        optimizer.step()
    return [parameter.detach().numpy() for parameter in parameters]


def draw_gradients(variables):
    """A list for each step; the second one is far beyond the norm that is clipped to, the others below it."""
    rng = np.random.default_rng(2)
    return [[factor * rng.normal(size=v.shape) for v in variables] for factor in (0.5, 100.0, 1.0, 0.1, 1.0)]


def apply(optimizer, gradients, variables):
    optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float32") for g in gradients], variables)


@pytest.mark.parametrize("reference_run", [numpy_run, torch_run])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"weight_decay": 0.5},
        {"nesterov": True, "weight_decay": 0.5},
        {"momentum": 0.0, "weight_decay": 0.5},
        {"weight_decay": None, "global_clipnorm": None},
    ],
    ids=str,
)
def test_steps_are_pytorchs(reference_run, changes):
    options = {**DEFAULTS, **changes}
    model = optimizer_run.make_model()
    variables, weights = model.trainable_variables, model.get_weights()
    gradients = draw_gradients(variables)
    optimizer = ParameterGroupSGD(**changes)
    for learning_rate, step_gradients in zip(RATES, gradients, strict=True):
        optimizer.learning_rate = learning_rate
        apply(optimizer, step_gradients, variables)
    assert set(optimizer.groups) == set(MULTIPLIERS)
    expected = reference_run(weights, optimizer.groups, gradients, options)
    for variable, weight in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-5, atol=1e-5, err_msg=variable.path)


def test_defaults_are_the_releases():
    config = ParameterGroupSGD().get_config()
    assert np.isclose(config["learning_rate"], 0.01)
    assert {key: config[key] for key in DEFAULTS} == DEFAULTS


def test_classifier_multiplier_and_exclusion_from_decay():
    model = optimizer_run.make_model()
    variables, before = model.trainable_variables, model.get_weights()
    optimizer = ParameterGroupSGD(1.0, weight_decay=0.5, classifier_multiplier=1.0)
    optimizer.exclude_from_weight_decay(var_list=variables[:1])
    apply(optimizer, [np.full(v.shape, 1e-3) for v in variables], variables)
    for i, (variable, group, weight) in enumerate(zip(variables, optimizer.groups, before, strict=True)):
        decay = 0.5 if group.endswith("weight") and i > 0 else 0.0
        rate = 2 if group.endswith("bias") else 1
        np.testing.assert_allclose(variable.numpy(), weight - rate * (1e-3 + decay * weight), atol=1e-6)


def test_accumulated_gradients_are_a_step_of_their_mean():
    gradients = draw_gradients(optimizer_run.make_model().trainable_variables)
    results = []
    for options in ({"gradient_accumulation_steps": 2}, {}):
        model = optimizer_run.make_model()
        optimizer = ParameterGroupSGD(**options)
        for first, second in (gradients[:2], gradients[2:4]):
            mean = [(a + b) / 2 for a, b in zip(first, second, strict=True)]
            for each in (first, second) if options else (mean,):
                apply(optimizer, each, model.trainable_variables)
        results.append(model.get_weights())
    for accumulated, whole in zip(*results, strict=True):
        np.testing.assert_allclose(accumulated, whole, atol=1e-6)


def test_moving_average_of_the_weights():
    model = optimizer_run.make_model()
    variables = model.trainable_variables
    optimizer = ParameterGroupSGD(use_ema=True, ema_momentum=0.25)
    gradients = draw_gradients(variables)
    steps = []
    for step_gradients in gradients[:2]:
        apply(optimizer, step_gradients, variables)
        steps.append(model.get_weights())
    optimizer.finalize_variable_values(variables)
    for average, first, second in zip(model.get_weights(), *steps, strict=True):
        np.testing.assert_allclose(average, 0.25 * first + 0.75 * second, atol=1e-6)


# === Keras' ways of training ===


def test_configuration():
    optimizer = ParameterGroupSGD(0.5, nesterov=True, classifier="logits", classifier_multiplier=2.0, use_ema=True)
    twin = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(twin) is ParameterGroupSGD
    assert twin.get_config() == optimizer.get_config()
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    twin = ParameterGroupSGD.from_config(ParameterGroupSGD(schedule).get_config())
    assert twin.get_config()["learning_rate"] == ParameterGroupSGD(schedule).get_config()["learning_rate"]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("dtype", optimizer_run.DTYPES)
def test_a_saved_model_goes_on_alike(dtype, tmp_path):
    whole = optimizer_run.train(optimizer_run.make_model(dtype), epochs=4)
    model = optimizer_run.make_model(dtype)
    optimizer_run.train(model, epochs=2)
    model.save(tmp_path / "model.keras")
    with optimizer_run.dtype_policy(dtype):  # else Keras leaves the loss scale, and with it the state, in the file
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    inner = getattr(loaded.optimizer, "inner_optimizer", loaded.optimizer)
    assert (inner is loaded.optimizer) == (dtype == "float32")
    assert set(inner.groups) == set(MULTIPLIERS)
    for resumed, expected in zip(optimizer_run.train(loaded, epochs=4, initial_epoch=2), whole, strict=True):
        np.testing.assert_allclose(resumed, expected, atol=1e-6)


@pytest.fixture(scope="module")
def trained():
    """Function from a case of `optimizer_run` to its weights in float32, as mixed precision comes near them."""

    def train(case):
        with eagerly():
            return optimizer_run.train(optimizer_run.make_model(**optimizer_run.CASES[case]))

    return functools.cache(train)


@pytest.mark.parametrize(
    ("backend", "replicas"),
    [("tensorflow", 2), *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("jax", "torch"))],
)
def test_training_is_the_same_on_two_replicas_and_other_backends(backend, replicas, trained, tmp_path):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    results = tmp_path / "results.npz"
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    code = [sys.executable, "-m", "tests.optimizers.optimizer_run", str(replicas), str(results)]
    done = subprocess.run(code, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    initial = np.concatenate([weight.ravel() for weight in optimizer_run.make_model().get_weights()])
    with np.load(results) as arrays:
        assert ("accumulation/float32/0" in arrays) == (replicas == 1)
        assert bool(arrays["finite_after_overflow"])
        compared = [(case, dtype) for case in optimizer_run.CASES for dtype in optimizer_run.DTYPES]
        compared = [(case, dtype) for case, dtype in compared if f"{case}/{dtype}/0" in arrays]
        assert len(compared) == (6 if replicas == 1 else len(optimizer_run.ON_REPLICAS))
        for case, dtype in compared:
            weights, tolerance = trained(case), {"float32": 1e-5, "mixed_float16": 1e-3}[dtype]
            expected = np.concatenate([weight.ravel() for weight in weights]) - initial
            new = np.concatenate([arrays[f"{case}/{dtype}/{i}"].ravel() for i in range(len(weights))])
            assert np.linalg.norm(new - initial - expected) < tolerance * np.linalg.norm(expected), (case, dtype)


def test_accumulation_under_a_strategy_is_an_error():
    tf = pytest.importorskip("tensorflow")
    with (
        tf.distribute.MirroredStrategy(["CPU:0"]).scope(),
        pytest.raises(ValueError, match=r"under MirroredStrategy.*gradient_accumulation_steps=2"),
    ):
        ParameterGroupSGD(gradient_accumulation_steps=2)

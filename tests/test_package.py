"""What `import keras_action` gives, in fresh processes."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_action

ROOT = Path(__file__).resolve().parents[1]


def run(code, backend="numpy"):
    """What a fresh process prints. Keras on NumPy starts in a tenth of the time."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_is_imported_without_keras():
    parts = ("data", "litert", "recognition")
    code = "import sys, keras_action\nfor part in {parts}: getattr(keras_action, part)\nprint(*sys.modules)"
    modules = set(run(code.format(parts=parts)).split())
    assert {f"keras_action.{part}" for part in parts} <= modules
    assert not {"keras", "tensorflow", "jax", "torch"} & modules


# The file by way of `tf.keras`, and then the type of every public name after every import.
TENSORFLOW = """
import importlib, pkgutil, sys, types
import keras_action
import tensorflow as tf
print(type(tf.keras.models.load_model({path!r}).optimizer).__name__)
for module in pkgutil.walk_packages(keras_action.__path__, "keras_action."):
    if ".programs." not in module.name:
        importlib.import_module(module.name)
found = pkgutil.iter_modules(keras_action.__path__)
rooms = [sys.modules[f"keras_action.{{name}}"] for _, name, is_room in found if is_room]
names = [(room, name) for room in (keras_action, *rooms) for name in getattr(room, "__all__", ())]
for room, name in names:
    value = getattr(room, name)
    is_room = isinstance(value, types.ModuleType) and hasattr(value, "__path__") and room is keras_action
    print(*([] if is_room else [type(value).__name__, f"{{room.__name__}}.{{name}}"]))
print(len(names))
"""


ORDERS = {
    "package, then Keras": "import keras_action\nimport keras",
    "Keras, then package": "import keras\nimport keras_action",
    "a room alone": "import keras\nimport keras_action.layers",
    "a name, then Keras": "from keras_action import Recipe\nimport keras",
    "from Keras' inside": "import keras_action\nfrom keras.src import saving\nimport keras",
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A compiled model with an Action layer, our optimiser and our schedule."""
    x = keras.Input((4, 4, 16))
    model = keras.Model(x, keras_action.layers.Action(num_segments=2)(x))
    schedule = keras_action.optimizers.CosineDecay(0.1, 10)
    model.compile(keras_action.optimizers.ParameterGroupSGD(schedule), loss="mse")
    path = tmp_path_factory.mktemp("file") / "model.keras"
    model.save(path)
    return path


# To import a room imports the package first.
@pytest.mark.parametrize(
    "order", [pytest.param(order, marks=pytest.mark.slow if order == "a room alone" else ()) for order in ORDERS]
)
def test_files_load_in_any_order_of_imports(order, model_file):
    code = (
        f"{ORDERS[order]}\nmodel = keras.saving.load_model({str(model_file)!r})\nprint(type(model.optimizer).__name__)"
    )
    assert run(code).split() == ["ParameterGroupSGD"]


@pytest.fixture(scope="module")
def on_tensorflow(model_file):
    """The lines of `TENSORFLOW`: one process for two tests, as TensorFlow's import takes longest."""
    return run(TENSORFLOW.format(path=str(model_file)), backend="tensorflow").splitlines()


def test_files_load_in_tensorflows_keras(on_tensorflow):
    assert on_tensorflow[0] == "ParameterGroupSGD"


def test_every_public_name_is_what_it_says_after_every_import(on_tensorflow):
    """A name that a module defines is never hidden by a module of the same name, whatever was imported before."""
    _, *lines, count = on_tensorflow
    assert int(count) > 150 and len(lines) == int(count)
    assert [line for line in lines if line.startswith("module ")] == []


def test_registered_once_keras_is_imported():
    names = ["Action", "AdamW", "ParameterGroupSGD", "CosineDecay", "StepDecay"]
    code = f"""
import keras_action, sys
assert "keras" not in sys.modules
import keras
import importlib
importlib.reload(keras_action)
print(*[name for name in {names} if keras.saving.get_registered_object(f"keras_action>{{name}}") is not None])
"""
    assert run(code).split() == names


def test_no_such_name():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = keras_action.nothing

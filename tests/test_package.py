"""What `import keras_action` gives, in fresh processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_action

ROOT = Path(__file__).resolve().parents[1]


def run(code):
    # Keras on NumPy starts in a tenth of the time.
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_package_is_imported_without_keras():
    parts = ("data", "litert", "recognition")
    code = "import sys, keras_action\nfor part in {parts}: getattr(keras_action, part)\nprint(*sys.modules)"
    modules = set(run(code.format(parts=parts)))
    assert {f"keras_action.{part}" for part in parts} <= modules
    assert not {"keras", "tensorflow", "jax", "torch"} & modules


def test_every_name_is_there_and_none_hides_another():
    code = """
import keras_action.models.complexity_report  # the module
import keras_action
for name in keras_action.__all__:
    getattr(keras_action, name)
from keras_action.models.complexity_report import complexity
print(keras_action.complexity is complexity)
"""
    assert run(code) == ["True"]


@pytest.mark.parametrize("name", ["Action", "AdamW", "ParameterGroupSGD", "CosineDecay", "StepDecay"])
def test_what_our_files_hold_is_registered_where_keras_is(name):
    code = f"import keras, keras_action\nprint(keras.saving.get_registered_object('keras_action>{name}') is not None)"
    assert run(code) == ["True"]


def test_no_such_name():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = keras_action.nothing

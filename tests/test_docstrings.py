"""The examples in the docstrings of public names: all name what exists, and those that need no files are run."""

import ast
import builtins
import collections
import doctest
import functools
import inspect
import re

import numpy as np
import pytest

from tests.documentation import documented_names, imported

# What examples take as given, as a reader does.
GIVEN = {"annotations", "batches", "clip", "clips", "dataset", "events", "labels", "logits", "model", "paths", "report"}
GIVEN |= {"run", "seed", "training", "truth", "validation", "video", "recognizer", "action_figure", "tsn_figure"}
GIVEN |= {"action_report", "tsn_report"}

# Why an example is not run, or is run by the slow test: the last part of its name.
REASONS = {
    "it needs a data set": "read_data_set read_annotations split_annotations read_jester read_something_something "
    "read_egogesture read_shards write_shards read_shard_jpegs join_clips sample_windows list_frames open_clip",
    "it needs a video": "frame_decoder read_frames video_info LogitSequence match_events match_at_end StreamReport "
    "evaluate_streams tune_events events_figure",
    "it needs batches, a model or reports": "training_dataset evaluation_dataset sequence_dataset FailureLog "
    "mixup evaluate train "
    "evaluation_page HtmlReport visualize compare activation_figure ParameterGroupSGD "
    "Complexity cross_validate",
    "it needs a file": "load_torch_checkpoint read_torch_file load_run load_model convert verify quantization_error "
    "LiteRTModel LiteRTStream describe inspect_file GestureRecognizer",
    "it needs a video's frames": "StreamingStep streaming_model",
}
NOT_RUN = {name: reason for reason, names in REASONS.items() for name in names.split()}
SLOW = "class_activation_maps grad_cam excitation_masks build_action_net build_tsm build_tsn BNInception resize_model"
SLOW = {*SLOW.split(), "complexity", "deployment_model", "insertion_points", "insert_layers", "parameter_groups"}
SLOW |= {"write_synthetic_dataset", "write_synthetic_stream"}


def public():
    """(name, object) of what is on the reference pages, and of the methods of its classes."""
    for name in documented_names():
        attribute, value = name.rpartition(".")[2], imported(name)
        if callable(value):
            yield attribute, value
        if inspect.isclass(value):
            for key, member in vars(value).items():
                if key[0] != "_" and inspect.isfunction(getattr(value, key)):
                    yield f"{attribute}.{key}", member


def example(value):
    """The example in a docstring as a doctest, or as code without what comes out, or None."""
    text = inspect.getdoc(value) or ""
    tests = doctest.DocTestParser().get_examples(text)
    code = "".join(test.source for test in tests) or "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    return (tests, code) if code else None


EXAMPLES = {name: example(value) for name, value in public() if example(value)}


@pytest.fixture(scope="module")
def names():
    """What an example may use without saying so: the public names, and the usual imports."""
    import keras
    import tensorflow as tf

    import keras_action
    from keras_action import plots

    usual = {"np": np, "keras": keras, "tf": tf, "keras_action": keras_action, "plots": plots}
    return {**dict(public()), "collections": collections, "functools": functools, **usual}


def test_what_is_not_run_is_what_is_known():
    assert (set(NOT_RUN) | SLOW) - set(EXAMPLES) == set()
    assert len(EXAMPLES) > 80


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_name_what_exists(name, names):
    tree = ast.parse(EXAMPLES[name][1])
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    stored |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            assert node.id in {*stored, *GIVEN, *names, *dir(builtins)}, node.id
        if isinstance(node, ast.Attribute):
            _resolve(node, names, stored)
        if isinstance(node, ast.Call) and (function := _resolve(node.func, names, stored)) in EXAMPLE_VALUES:
            inspect.signature(function).bind_partial(**{word.arg: None for word in node.keywords if word.arg})


EXAMPLE_VALUES = [value for _, value in public()]


def _resolve(node, names, stored):
    """The object that `a.b.c` is where `a` is a module or a public name, or None."""
    if isinstance(node, ast.Name):
        return names.get(node.id) if node.id not in stored | GIVEN else None
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, names, stored)
        return None if owner is None else getattr(owner, node.attr)
    return None


class _Checker(doctest.OutputChecker):
    """A shape is a tuple on some backends; and an example need not show what a call returns."""

    def check_output(self, want, got, flags):
        want, got = (re.sub(r"TensorShape\(\[(.*?)\]\)", r"(\1)", text) for text in (want, got))
        return not want or super().check_output(want, got, flags)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in {*NOT_RUN, *SLOW}])
def test_examples_run(name, names, tmp_path, monkeypatch):
    _run(name, names, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SLOW))
def test_slow_examples_run(name, names, tmp_path, monkeypatch):
    _run(name, names, tmp_path, monkeypatch)


def _run(name, names, folder, monkeypatch):
    monkeypatch.chdir(folder)
    tests, code = EXAMPLES[name]
    if not tests:
        exec(code, {**names})
        return
    report = []
    runner = doctest.DocTestRunner(_Checker(), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(doctest.DocTest(tests, {**names}, name, None, 0, None), out=report.append)
    assert not runner.failures, "".join(report)

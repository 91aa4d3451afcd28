import importlib
import importlib.util
import sys
import threading

import pytest

from keras_action.utils.import_hook import when_imported


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that was not imported yet."""
    (tmp_path / "just_made.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = list(sys.meta_path)
    yield "just_made"
    sys.modules.pop("just_made", None)
    sys.meta_path[:] = finders


def test_the_action_follows_the_first_import_once(module):
    calls = []
    when_imported(module, lambda: calls.append(sys.modules[module].value))
    assert importlib.util.find_spec(module) is not None  # looked for, as TensorFlow does with Keras, but not imported
    assert calls == []
    imported = importlib.import_module(module)
    assert calls == [1]
    importlib.reload(imported)
    importlib.import_module(module)
    assert calls == [1]
    assert type(imported.__spec__.loader).__name__ == "SourceFileLoader"


def test_of_an_imported_module_at_once(module):
    importlib.import_module(module)
    calls = []
    when_imported(module, lambda: calls.append(1))
    assert calls == [1]


def test_a_module_that_is_not_there(module):
    calls = []
    when_imported("not_made_yet", lambda: calls.append(1))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("not_made_yet")
    assert calls == []


def test_several_actions(module):
    calls = []
    for number in (1, 2):
        when_imported(module, lambda number=number: calls.append(number))
    importlib.import_module(module)
    assert sorted(calls) == [1, 2]


def test_imports_in_many_threads_calls_the_action_once(module):
    calls = []
    when_imported(module, lambda: calls.append(1))
    threads = [threading.Thread(target=importlib.import_module, args=(module,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]

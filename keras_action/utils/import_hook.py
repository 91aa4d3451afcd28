"""Code that runs as soon as another module is imported."""

import importlib.abc
import sys


def when_imported(name, action):
    """Calls `action()` once: at once if the module `name` has been imported, or else right after its first import.

    (`wrapt.when_imported` does the same, but importing wrapt takes longer than all of `import keras_action`.)
    """
    if name in sys.modules:
        action()
    else:
        sys.meta_path.insert(0, _Finder(name, action))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module by the finders after it, and has the module's loader call `action` after executing it.

    It stays until then: a module may be searched for, as by `importlib.util.find_spec`, without being imported.
    """

    def __init__(self, name, action):
        self._name, self._action = name, action

    def find_spec(self, fullname, path=None, target=None):
        finders = list(sys.meta_path)
        if fullname != self._name or self not in finders:
            return None
        specs = (finder.find_spec(fullname, path, target) for finder in finders[finders.index(self) + 1 :])
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None or spec.loader is None:  # not installed, or a folder without __init__.py
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                self._action()

        spec.loader.exec_module = exec_module
        return spec

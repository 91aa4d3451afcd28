"""Code that runs as soon as another module is imported."""

import importlib.abc
import importlib.util
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
    """Finds one module as the other finders do, and has its loader call `action` after executing it.

    It stays until then: a module may be looked for, as by `importlib.util.find_spec`, without being imported.
    """

    def __init__(self, name, action):
        self._name, self._action, self._is_searching = name, action, False

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self._name or self._is_searching:
            return None
        self._is_searching = True
        try:
            spec = importlib.util.find_spec(fullname)  # by the other finders
        finally:
            self._is_searching = False
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                self._action()

        spec.loader.exec_module = exec_module
        return spec

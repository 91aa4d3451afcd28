"""Public names, and modules, that are imported on first use."""

import importlib


def lazy_exports(package, modules):
    """The `__getattr__` and `__dir__` of a package whose public names are imported on first use.

    Args:
        package: The package's `__name__`.
        modules: Dict from each public name to the module that defines it; `None` for a subpackage of that name.

    Example:

    ```python
    __getattr__, __dir__ = lazy_exports(__name__, {"Recipe": "keras_action.training", "data": None})
    ```
    """

    def load(name):
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = modules[name]
        if module is None:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(module), name)

    return load, lambda: sorted(modules)


class LazyModule:
    """A module that is imported when an attribute of it is first used, as in Keras' own code.

    Args:
        name: The module's name.
    """

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        return getattr(importlib.import_module(self._name), attribute)


tensorflow = LazyModule("tensorflow")

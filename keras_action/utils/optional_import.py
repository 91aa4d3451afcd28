"""Imports of optional packages."""

import contextlib


@contextlib.contextmanager
def optional_import(purpose, package, install):
    """A context for the import of a package that may not be installed: the error says what needs it.

    Args:
        purpose: What needs the package, the beginning of a sentence.
        package: Name of the package.
        install: Argument of `pip install`.

    Raises:
        ImportError: If an import in the context fails.

    Example:

    >>> with optional_import("Reading images", "Pillow", "pillow"):
    ...     from PIL import Image
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{purpose} needs {package}. Install it with: pip install {install}") from error

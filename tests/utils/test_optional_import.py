import pytest

from keras_action.utils.optional_import import optional_import


def test_what_is_installed_is_imported():
    with optional_import("Reading tables", "CSV", "csv"):
        import csv
    assert csv.reader


def test_the_error_says_what_needs_a_package_and_how_to_install_it():
    message = r"^Reading tables needs No Such Package\. Install it with: pip install 'no_such\[package\]'$"
    with pytest.raises(ImportError, match=message) as error:  # noqa: SIM117
        with optional_import("Reading tables", "No Such Package", "'no_such[package]'"):
            import no_such_package  # noqa: F401
    assert isinstance(error.value.__cause__, ModuleNotFoundError)

import pytest

from tests import tiny


@pytest.fixture
def tiny_backbone(monkeypatch):
    """The tiny backbone, for the recipe of `tiny.recipe`."""
    tiny.register(monkeypatch)

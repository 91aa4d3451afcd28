"""The site of the docs: its navigation, its reference pages, and that it is built without a warning."""

import importlib
import os
import re
import subprocess
import sys

import pytest

from tests import documentation
from tests.documentation import DOCS, ROOT, pages

CONFIG = DOCS / "mkdocs" / "mkdocs.yml"


def test_the_navigation_has_each_page():
    navigation = CONFIG.read_text(encoding="utf-8").split("\nnav:\n")[1]
    listed = re.findall(r"([\w/]+\.md)$", navigation, re.MULTILINE)
    assert sorted(listed) == sorted(page.removeprefix("docs/") for page in pages() if page != "README.md")
    assert len(listed) == len(set(listed))


def test_every_public_name_is_on_a_reference_page():
    import keras_action

    names = documentation.documented_names()
    assert len(names) == len(set(names))
    parts = [name for name, room in keras_action._PUBLIC.items() if room is None]
    documented = [(name.rpartition(".")[2], documentation.imported(name)) for name in names]
    for module in (keras_action, *(importlib.import_module(f"keras_action.{part}") for part in parts)):
        public = getattr(module, "__all__", None) or _own(module)
        for name in set(public) - {*parts, "__version__"}:
            value = getattr(module, name)
            assert any(name == known and value is other for known, other in documented), f"{module.__name__}.{name}"


def _own(module):
    """The public functions and classes that a module without `__all__` defines."""
    return [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__ and name[0] != "_"
    ]


def test_every_program_is_on_the_page_of_programs():
    from tests.programs.test_programs import BENCHMARKS, NAMES

    text = documentation.text_of("docs/reference/programs.md")
    assert set(re.findall(r"^```help\n(\S+)$", text, re.MULTILINE)) == {*NAMES, *BENCHMARKS}


@pytest.mark.slow
def test_the_site_is_built_without_warnings(tmp_path):
    pytest.importorskip("properdocs", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "-f", str(CONFIG), "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    html = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html"))
    assert not re.findall(
        r"<(?:script|img|link)[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>", html
    )  # nothing from elsewhere
    assert "<blockquote>" not in html  # what an example would become that is not told from a quotation
    assert "<math" in html and "$`" not in html and "```" not in html

"""The notebooks: that they are clean and name what exists; and, slow, that each runs from top to bottom."""

import ast
import importlib
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation import program, programs_in_text

nbformat = pytest.importorskip("nbformat", reason="the extra dev is not installed")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]

# What must hold in a notebook's own variables when it has run. Data and training are small, and a CPU's runs are not
# equal to the last digit: the bounds are wide.
OUTCOMES = {
    "01_quickstart": "assert report.top1 > 0.7 > tsn_report.top1 and verified.top1_agreement > 0.9",
    "02_your_own_gestures": "assert (WORK / 'phone_events.json').is_file() and (WORK / 'phone.tflite').is_file()",
    "03_the_papers_tables": "import json\n"
    "rows = {row['name']: row['mean'] for row in json.loads((WORK / 'tables/table1.json').read_text())}\n"
    "assert list(rows) == ['TSN', 'TSM', 'ACTION'] and rows['TSN'] < 0.7, rows",
    "04_activation_maps": "assert set(masks) == {'ste', 'ce', 'me'} and (WORK / 'grad_cam.gif').is_file()",
    "05_export_and_streaming": "assert error < 1e-3 and verified['float32'].top1_agreement == 1, (error, verified)\n"
    "assert verified['int8'].size_bytes < verified['float32'].size_bytes",
    "06_live_recognition": "assert match.detection_rate > 0.3 and (WORK / 'labelled.mp4').is_file(), match",
}


def read(path):
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_cells(path):
    return [cell.source for cell in read(path).cells if cell.cell_type == "code"]


def plain_python(source):
    """A cell without what is IPython's alone: magics, and shell commands with the lines that they go on in."""
    source = re.sub(
        r"^([ \t]*)(\w+ = )?!(?:.*\\\n)*.*$", lambda match: f"{match[1]}{match[2] or ''}None", source, flags=re.M
    )
    return re.sub(r"^([ \t]*)%.*$", r"\1pass", source, flags=re.M)


def programs_of(path):
    """`(name, words)` of each program that is run or shown as a whole line; what is in braces is made a word."""
    text = "\n".join(cell.source for cell in read(path).cells).replace("\\\n", " ")
    for name, rest in re.findall(r"^ *(?:\w+ = )?!?(?:keras-action|python -m (?=benchmarks)) *(\S+)(.*)", text, re.M):
        rest = re.sub(r" > \S+$", "", rest)  # what the shell takes
        rest = rest.replace("{lists}", "--train a.csv --val b.csv")
        rest = re.sub(r"\{[A-Z_]*(?:SEEDS|CLIPS|CLIPS_PER_CLASS|EPOCHS)\}", "2", rest)
        yield name, shlex.split(re.sub(r"\{[^}]*\}", "x", rest), comments=True)


def test_there_are_six():
    assert list(OUTCOMES) == NAMES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_is_valid_and_holds_nothing_that_running_it_leaves(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert not cell.metadata, f"{cell.id}: metadata; clean it with nbstripout"
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, f"{cell.id}: outputs; clean it with nbstripout"
    # As Jupyter writes it: other spaces would make every save a difference.
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook).rstrip("\n") + "\n"


def test_all_begin_with_the_same_two_cells():
    beginnings = {tuple(code_cells(path)[:2]) for path in NOTEBOOKS}
    assert len(beginnings) == 1
    install, devices = beginnings.pop()
    assert "REPOSITORY = " in install and "list_physical_devices" in devices


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_the_code_is_python(path):
    for source in code_cells(path):
        ast.parse(plain_python(source))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_every_program_and_option_exists(path):
    programs = list(programs_of(path))
    assert programs or path.stem in ("01_quickstart", "05_export_and_streaming")
    for name, words in programs:
        program(name).make_parser().parse_args(words)
    # In sentences, programs and options are named without all that they need.
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for name, rest in programs_in_text(text):
        options = program(name).make_parser()._option_string_actions
        assert set(re.findall(r"--[a-z-]+", rest)) <= set(options), (name, rest)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_every_name_of_the_package_exists(path):
    pytest.importorskip("matplotlib")
    modules = {"keras_action": "keras_action"}
    for source in code_cells(path):
        tree = ast.parse(plain_python(source))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "keras_action":
                for alias in node.names:
                    assert hasattr(importlib.import_module(node.module), alias.name), alias.name
                    modules[alias.name] = f"{node.module}.{alias.name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                module = modules[node.value.id]
                if importlib.util.find_spec(module.split(".")[0]) and _is_module(module):
                    assert hasattr(importlib.import_module(module), node.attr), f"{module}.{node.attr}"
        for node in ast.walk(tree):
            function = isinstance(node, ast.Call) and _function(node.func, modules)
            if function:
                known = inspect.signature(function).parameters.values()
                if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known):
                    names = {keyword.arg for keyword in node.keywords} - {None}
                    assert names <= {parameter.name for parameter in known}, ast.unparse(node)


def _function(node, modules):
    """The function or class of the package that a call names by its module, as `plots.events_figure`; or `None`."""
    if (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and _is_module(modules.get(node.value.id, ""))
    ):
        return getattr(importlib.import_module(modules[node.value.id]), node.attr)
    return None


def _is_module(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_links_lead_somewhere(path):
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith("http"):
            assert (path.parent / link).exists(), link


class Install:
    """The install cell, run in this process; what it would run is kept instead."""

    def __init__(self, monkeypatch, folder, missing=()):
        self.source, self.commands = code_cells(NOTEBOOKS[0])[0], []
        find_spec = importlib.util.find_spec
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setenv("PATH", os.environ["PATH"])
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find_spec(name))
        monkeypatch.setattr(subprocess, "run", self.run)

    def run(self, command, check):
        self.commands.append(command)
        if command[0] == "git":
            make_clone(Path(command[-1]))

    def __call__(self, repository=""):
        exec(self.source.replace('REPOSITORY = ""', f"REPOSITORY = {repository!r}"), {})


def make_clone(folder):
    (folder / "keras_action").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    for name in ("setup.cfg", "keras_action/version.py"):
        (folder / name).touch()


@pytest.mark.parametrize("place", [".", "notebooks"])
def test_install_in_a_clone_goes_to_its_root_and_does_nothing_else(place, tmp_path, monkeypatch):
    make_clone(tmp_path)
    install = Install(monkeypatch, tmp_path / place)
    install()
    install()  # again, from where it has gone
    assert Path.cwd() == tmp_path and install.commands == []


def test_install_in_a_clone_without_the_requirements_asks_pip(tmp_path, monkeypatch):
    make_clone(tmp_path)
    install = Install(monkeypatch, tmp_path / "notebooks", missing=("av",))
    install()
    (command,) = install.commands
    assert command[1:4] == ["-m", "pip", "install"] and command[-2:] == ["--editable", ".[all]"]


def test_install_elsewhere_takes_the_clone_that_the_package_is_from(tmp_path, monkeypatch):
    install = Install(monkeypatch, tmp_path)
    install()
    assert Path.cwd() == ROOT and install.commands == []


def test_install_on_a_new_machine_clones_and_asks_pip(tmp_path, monkeypatch):
    install = Install(monkeypatch, tmp_path, missing=("keras_action", "av", "ai_edge_litert"))
    install("https://example.org/keras_action.git")
    clone, pip = install.commands
    assert clone[:2] == ["git", "clone"] and clone[-2] == "https://example.org/keras_action.git"
    assert pip[0] == sys.executable and Path.cwd() == tmp_path / "keras-action"
    monkeypatch.chdir(tmp_path)  # as after a restart of the session
    install()
    assert [command[0] for command in install.commands] == ["git", sys.executable, sys.executable]


def test_install_without_an_address_says_what_is_missing(tmp_path, monkeypatch):
    install = Install(monkeypatch, tmp_path, missing=("keras_action",))
    with pytest.raises(ValueError, match="the address this notebook was opened from"):
        install()
    assert install.commands == []


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A folder like a clone, in which all notebooks run: what one has trained the next one takes, as in Colab."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("setup.cfg", "pyproject.toml", "keras_action", "training", "export", "docs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "notebooks").mkdir()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_runs_from_top_to_bottom(path, clone):
    nbclient = pytest.importorskip("nbclient", reason="the extra dev is not installed")
    pytest.importorskip("ipykernel", reason="the extra dev is not installed")
    for extra in ("av", "ai_edge_litert", "ai_edge_quantizer", "matplotlib"):
        pytest.importorskip(extra, reason="the extra all is not installed")
    notebook = read(path)
    notebook.cells.append(nbformat.v4.new_code_cell(OUTCOMES[path.stem]))
    client = nbclient.NotebookClient(
        notebook, timeout=3600, kernel_name="python3", resources={"metadata": {"path": str(clone / "notebooks")}}
    )
    client.execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    )
    # A program that fails does not stop a notebook.
    assert not re.search(r"^(error|failed): |Traceback", printed, re.M), printed

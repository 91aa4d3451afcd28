"""The direction of imports: rooms import only those below them, and files go in no circle."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Each room imports itself and the rooms of lower levels. Rooms of one level don't know each other.
LEVELS = (
    ("utils", "version"),
    ("layers", "losses", "optimizers", "weights"),
    ("models", "data"),
    ("litert",),
    ("training",),
    ("evaluation",),
    ("recognition",),
    ("plots",),
    ("explain",),
    ("programs",),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
# The folders of programs import the package, and nothing of each other.
FOLDERS = ("training", "export")


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path for folder in ("keras_action", *FOLDERS) for path in sorted((ROOT / folder).rglob("*.py"))
}


def public_rooms():
    """Public name of `keras_action` → the room that it is imported from."""
    tree = ast.parse(FILES["keras_action"].read_text(encoding="utf-8"))
    (public,) = (
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_PUBLIC"
    )
    return {name: module or f"keras_action.{name}" for name, module in ast.literal_eval(public).items()}


PUBLIC = public_rooms()


def imported(name):
    """The modules that a module's import statements name, those inside functions too, and uses `keras_action.NAME`."""
    path = FILES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name != "keras_action")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if base == "keras_action":
                    inner = PUBLIC.get(alias.name, inner)
                found.add(inner if inner in FILES else base)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "keras_action":
            found.add(PUBLIC.get(node.attr, f"keras_action.{node.attr}"))
    return {module for module in found if module in FILES and module != name}


IMPORTS = {name: imported(name) for name in FILES}


def room(name):
    """The room of a module of the package; the folder of a program."""
    parts = name.split(".")
    return parts[1] if parts[0] == "keras_action" and len(parts) > 1 else parts[0]


def test_nothing_is_loose_at_the_root():
    assert {path.name for path in (ROOT / "keras_action").glob("*.py")} == {"__init__.py", "version.py"}
    rooms = {path.name for path in (ROOT / "keras_action").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms == set(LEVEL) - {"version"}


def test_files_import_each_other_in_no_circle():
    # A package's table of contents imports its files, which are imported through it: no circle of files.
    graph = {
        name: {other for other in others if not other.startswith(f"{name}.")}
        for name, others in IMPORTS.items()
        if FILES[name].name != "__init__.py" or name == "training.recipes"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("keras_action.")])
def test_imports_go_one_way(name):
    wrong = {
        other
        for other in IMPORTS[name]
        if other.partition(".")[0] != "keras_action"
        or name.startswith(f"{other}.")  # its own package's table of contents, which imports it
        or (room(other) != room(name) and LEVEL[room(other)] >= LEVEL[room(name)])
    }
    assert not wrong, f"{name} imports {sorted(wrong)}"


@pytest.mark.parametrize("name", [name for name in FILES if name.partition(".")[0] in FOLDERS])
def test_programs_share_nothing_but_the_package(name):
    own = name.partition(".")[0]
    wrong = {other for other in IMPORTS[name] if other.partition(".")[0] not in (own, "keras_action")}
    assert not wrong, f"{name} imports {sorted(wrong)}"
    # Relative within the folder: installed, it is below `keras_action.programs`.
    absolute = re.findall(
        rf"^ *(?:from|import) (?:{'|'.join(FOLDERS)})\b.*", FILES[name].read_text("utf-8"), re.MULTILINE
    )
    assert not absolute, f"{name}: {absolute}"

"""What the tests read of README and docs: pages, code blocks, the commands in them, links.

A block that cannot be run here says why, in a comment before it, or for a whole page in a comment anywhere on it:

    <!-- not run: there is no camera -->
    <!-- not run, lines with --webcam: there is no camera -->
    <!-- no block is run: the servers run until they are stopped -->
"""

import importlib
import re
import shlex
import string
from dataclasses import dataclass
from pathlib import Path

from keras_action.programs.command import program_module

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SHELLS = ("bash", "sh")

_BLOCK = re.compile(
    r"(?:^[ ]*<!-- not run(?:, lines with (?P<word>\S+))?: (?P<why>[^\n]+?) -->\n+)?"
    r"^(?P<indent>[ ]*)(?P<fence>```+)(?P<language>\S*)\n(?P<code>.*?)^[ ]*(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_PAGE = re.compile(r"^<!-- no block is run: (.+) -->$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, what is in it, and why it is not run, if it is not.

    With `word`, only the lines that hold it are not run.
    """

    page: str
    line: int
    language: str
    code: str
    not_run: str | None
    word: str | None

    @property
    def first_line(self):
        return self.code.split("\n", 1)[0].strip()


@dataclass(frozen=True)
class Command:
    """A program of ours that a block calls, with its arguments as the shell gives them, and why it is not run.

    `program` is a name of `keras-action`, or the module of a benchmark.
    """

    line: int  # of the block
    program: str
    arguments: tuple[str, ...]
    not_run: str | None


def pages():
    """The pages' names, from the root: README.md and all of docs."""
    return ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in DOCS.rglob("*.md"))]


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, languages=None):
    """The blocks of a page, of all languages or of some."""
    text = text_of(page)
    whole = _PAGE.search(text)
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("fence")) + 1
        code = re.sub(f"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        why = match["why"] or (whole[1] if whole else None)
        if languages is None or match["language"] in languages:
            found.append(Block(page, line, match["language"], code, why, match["word"]))
    return found


def commands(page):
    """The programs of ours that a page's shell blocks call, in order, with the variables that these set before."""
    variables, found = {}, []
    for block in blocks(page, SHELLS):
        for line in block.code.replace("\\\n", " ").split("\n"):
            if assigned := re.fullmatch(r'(\w+)="(.*)"', line.strip()):
                variables[assigned[1]] = assigned[2]
            line = string.Template(line).safe_substitute(variables)
            words = shlex.split(line, comments=True)
            for place, word in enumerate(words):
                if word == "keras-action" or (word == "-m" and words[place + 1].startswith("benchmarks.")):
                    skipped = block.not_run if block.word is None or block.word in words else None
                    found.append(Command(block.line, words[place + 1], tuple(words[place + 2 :]), skipped))
    return found


def program(name):
    """The module of a `Command`'s program."""
    return importlib.import_module(name) if name.startswith("benchmarks.") else program_module(name)


def programs_in_text(text):
    """Pairs of a program's name and the rest of the code, of the commands in a text's inline code."""
    return re.findall(r"`(?:keras-action (?=[a-z])|python -m (?=benchmarks))([\w.-]+)([^`\n]*)`", text)


def anchors(page):
    """The headings of a page, as code hosts and the site name them in addresses."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text_of(page), flags=re.M | re.S), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def links(page):
    """Pairs of a relative link's file and its anchor, either empty, outside of code."""
    text = re.sub(r"^([ ]*)```.*?^\1```", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)", re.sub(r"`[^`\n]*`", "", text))
    return [pair for pair in found if any(pair)]


def documented_names():
    """The names on the reference pages, as they are imported."""
    return [name for page in pages() for name in re.findall(r"^::: (\S+)$", text_of(page), re.MULTILINE)]


def imported(name):
    """What a full name stands for."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)

"""What the site does with the pages beyond Markdown: mathematics, programs' help, and links to files outside docs/.

The pages are made to be read in the repository, too. There a link to a source file is just that, and formulas are TeX
in ```math fences or between $` and `$, which code hosts draw. Here formulas become MathML, which browsers draw with no
script; a fence ```help names a program whose `--help` takes its place; and of each notebook or source file that a page
links to, a page is made.
"""

import json
import os
import re
import sys
from pathlib import Path

from latex2mathml.converter import convert

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
LANGUAGES = {".py": "python", ".yml": "yaml", ".html": "html", ".js": "javascript", ".json": "json"}

_FENCES = re.compile(r"^( *)```(math|help)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FORMULA = re.compile(r"\$`(.+?)`\$")
_LINK = re.compile(r"\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Adds a page for each file outside docs/ that some page links to."""
    from properdocs.structure.files import File

    pages = [file for file in files if file.is_documentation_page()]
    targets = {target for page in pages for target in _linked(page.src_uri, page.content_string)}
    for target in sorted(targets):
        if target.is_file() and target != ROOT / "README.md":
            files.append(File.generated(config, _page_of(target), content=_as_page(target)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Markdown as written → Markdown as the site has it."""
    folder = os.path.dirname(page.file.src_uri)
    markdown = _LINK.sub(lambda match: _link(match, folder), markdown)
    markdown = _FENCES.sub(lambda match: _fence(match[2], match[3]), markdown)
    return _FORMULA.sub(lambda match: _mathml(match[1]), markdown)


def _linked(source, markdown):
    """The files outside docs/ that a page links to."""
    folder = (DOCS / source).parent
    for match in _LINK.finditer(markdown):
        target = Path(os.path.normpath(folder / match[1]))
        if DOCS not in target.parents:
            yield target


def _page_of(target):
    """The page that stands for a file outside docs/."""
    if target == ROOT / "README.md":
        return "index.md"
    relative = target.relative_to(ROOT)
    if relative.suffix == ".ipynb":
        return relative.with_suffix(".md").as_posix()
    return f"source/{relative.as_posix()}.md"


def _link(match, folder):
    target = Path(os.path.normpath(DOCS / folder / match[1]))
    if DOCS in target.parents:
        return match[0]
    page = os.path.relpath(_page_of(target), folder or ".")
    return f"]({page}{match[2] or ''})"


def _as_page(target):
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".ipynb":
        text = "\n\n".join(_cell(cell) for cell in json.loads(text)["cells"])
        # Its links, as the pages lie in the site.
        return re.sub(r"\]\((\w+)\.ipynb", r"](\1.md", text).replace("](../docs/", "](../")
    return f"# {target.relative_to(ROOT).as_posix()}\n\n````{LANGUAGES.get(target.suffix, 'text')}\n{text}\n````\n"


def _cell(cell):
    source = "".join(cell["source"])
    return source if cell["cell_type"] == "markdown" else f"````python\n{source}\n````"


def _fence(kind, content):
    if kind == "math":
        return f'<div class="formula" markdown="0">{convert(content.strip(), display="block")}</div>'
    sys.path.insert(0, str(ROOT))
    os.environ["COLUMNS"] = "96"  # of argparse
    try:
        from tests.documentation import program

        parser = program(content.strip()).make_parser()
    finally:
        sys.path.remove(str(ROOT))
    return f"```text\n{parser.format_help()}```"


def _mathml(formula):
    return convert(formula).replace("*", "&#42;").replace("_", "&#95;")

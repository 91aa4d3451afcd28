"""A report as one self-contained HTML file."""

import base64
import re
from html import escape

from keras_action.plots.figure import figure_to_png_bytes
from keras_action.utils.files import write_whole

CSS_DPI, FIGURE_DPI = 96, 144
NUMBER = re.compile(r"[-+−]?\d[\d.,]*(e[-+]?\d+)?\s?(%|[A-Za-zµ×/]{0,6})|[–—-]?|nan")

STYLE = """
:root { color-scheme: light dark;
  --ink: #1c2127; --soft: #59636e; --paper: #fff; --line: #d5dae0; --band: #f5f7f9; --bar: #bfdcf2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #a0a9b3; --paper: #14181d; --line: #363d45; --band: #1d2228; --bar: #1f4a6b } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line) }
p { max-width: 46rem; margin: .6rem 0 }
.scroll { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem }
th, td { padding: .35rem .8rem; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap }
thead th { border-bottom: 2px solid var(--soft) }
tbody tr:nth-child(even) { background: var(--band) }
td:not(.number) { white-space: normal; min-width: 6rem }
.number { text-align: right }
.bar { background: linear-gradient(to right, var(--bar) var(--share), transparent var(--share)); min-width: 7rem }
pre { overflow-x: auto; padding: .8rem 1rem; background: var(--band); border: 1px solid var(--line);
  border-radius: 6px; font: .85rem/1.45 ui-monospace, monospace }
figure { margin: 1rem 0; min-width: 0 }
figure img { max-width: 100%; height: auto; display: block; background: #fff; border: 1px solid var(--line);
  border-radius: 6px }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .35rem }
.whole { overflow: auto; max-height: 92vh; border: 1px solid var(--line); border-radius: 6px; width: fit-content;
  max-width: 100% }
.whole img { max-width: none; border: 0 }
.columns { display: grid; gap: 0 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)) }
"""


class HtmlReport:
    """Collects text, tables and pictures, and saves them as one HTML file.

    The file is self-contained, with style and pictures and without scripts. It
    has a light and a dark mode and is readable on phones. All text is escaped.

    Args:
        title: Title and first heading of the page.

    Example:

    ```python
    report = HtmlReport("Nine gestures")
    report.heading("Accuracy")
    report.paragraph("On clips the models never saw.")
    report.table(["model", "top-1"], [["ACTION-Net", "97.3 %"], ["TSN", "51.0 %"]])
    report.columns([(action_figure, "ACTION-Net"), (tsn_figure, "TSN")])
    report.save("report.html")
    ```
    """

    def __init__(self, title):
        self.title = title
        self._parts = []

    def heading(self, text):
        """Adds the heading of a section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text):
        """Adds a paragraph of plain text."""
        self._parts.append(f"<p>{escape(text)}</p>")

    def code(self, text):
        """Adds preformatted text, such as a command or the output of a program."""
        self._parts.append(f"<pre><code>{escape(text)}</code></pre>")

    def table(self, headers, rows, caption=None, bars=()):
        """Adds a table; columns of numbers are aligned to the right.

        Args:
            headers: Names of the columns.
            rows: List of rows, with a cell for each header. Cells are converted by
                `str`; format floats before.
            caption: A line above the table.
            bars: Headers of columns of percentages ("97.3%") with a bar in the
                background.
        """
        if not set(bars) <= set(headers):
            raise ValueError(f"`bars` must be among the headers {list(headers)}. Received: bars={list(bars)}")
        rows = [list(row) for row in rows]
        for row in rows:
            if len(row) != len(headers):
                raise ValueError(f"Each row must have a cell for each of {list(headers)}. Received: {row}")
        texts = [[str(cell) for cell in row] for row in rows]
        numeric = [
            bool(texts) and all(NUMBER.fullmatch(row[column]) for row in texts) for column in range(len(headers))
        ]

        def attributes(tag, cell, header, right):
            if tag == "td" and header in bars and cell.endswith("%"):
                return f' class="number bar" style="--share:{float(cell[:-1]):.1f}%"'
            return " class=number" if right else ""

        def line(tag, cells):
            return "".join(
                f"<{tag}{attributes(tag, cell, header, right)}>{escape(str(cell))}</{tag}>"
                for cell, header, right in zip(cells, headers, numeric, strict=True)
            )

        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        body = "\n".join(f"<tr>{line('td', row)}</tr>" for row in texts)
        self._parts.append(
            f'<div class="scroll"><table>{title}<thead><tr>{line("th", headers)}</tr></thead>\n'
            f"<tbody>{body}</tbody></table></div>"
        )

    def figure(self, figure, caption, full_size=False):
        """Adds a Matplotlib figure.

        Args:
            figure: A `matplotlib.figure.Figure`.
            caption: The text below it.
            full_size: Whether a figure that is wider than the page scrolls instead of
                being scaled down.
        """
        self._parts.append(_picture(figure, caption, full_size))

    def columns(self, figures):
        """Adds Matplotlib figures side by side, on a narrow page one below the other.

        Args:
            figures: List of pairs of a figure and its caption.
        """
        body = "\n".join(_picture(figure, caption) for figure, caption in figures)
        self._parts.append(f'<div class="columns">{body}</div>')

    def to_html(self):
        """The page as a string."""
        title = escape(self.title)
        body = "\n".join(self._parts)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
        )

    def save(self, path):
        """Writes the page to `path`, whole or not at all."""
        write_whole(path, self.to_html())


def _picture(figure, caption, full_size=False):
    data = figure_to_png_bytes(figure, FIGURE_DPI)
    image = f'<img src="data:image/png;base64,{base64.b64encode(data).decode()}" alt="{escape(caption)}"'
    text = f"<figcaption>{escape(caption)}</figcaption>"
    if full_size:
        width = int.from_bytes(data[16:20], "big") * CSS_DPI // FIGURE_DPI  # the first field of a PNG
        return f'<figure><div class="whole">{image} width="{width}"></div>{text}</figure>'
    return f"<figure>{image}>{text}</figure>"

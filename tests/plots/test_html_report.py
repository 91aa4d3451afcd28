import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_action.plots.html_report import HtmlReport

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
Figure = pytest.importorskip("matplotlib.figure", reason="Matplotlib is not installed").Figure

VOID = {"meta", "img"}
NASTY = "<script>alert(\"x\")</script> & 'quoted'"


class Page(HTMLParser):
    """Parses a page, holds its elements, and fails if they don't nest."""

    def __init__(self, report):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(report.to_html())
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def images(self):
        prefix = "data:image/png;base64,"
        assert all(image["src"].startswith(prefix) for image in self.all("img"))
        data = [base64.b64decode(image["src"].removeprefix(prefix)) for image in self.all("img")]
        return [np.asarray(Image.open(io.BytesIO(png))) for png in data]


def small_figure():
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([1, 2])
    return figure


def full_report(text="text"):
    report = HtmlReport(text)
    report.heading(text)
    report.paragraph(text)
    report.code(text)
    report.table([text, "n"], [[text, 1], ["b", 2.5]], caption=text)
    report.figure(small_figure(), text)
    report.columns([(small_figure(), text), (small_figure(), text)])
    return report


def test_page_is_well_formed_and_self_contained():
    page = Page(full_report())
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object"}
    assert len(page.images()) == 3
    assert all(image["alt"] for image in page.all("img"))
    # No address anywhere, not even in the style.
    assert not re.search(r"https?:|@import|url\(", full_report().to_html())


def test_page_suits_phones_and_dark_rooms():
    html = full_report().to_html()
    assert "width=device-width" in html
    assert "prefers-color-scheme: dark" in html


def test_everything_is_escaped():
    page = Page(full_report(NASTY))
    assert "script" not in {tag for tag, _ in page.elements}
    # title, h1, h2, p, pre, caption, th, td and three captions of figures
    assert page.texts.count(NASTY) == 11
    assert [image["alt"] for image in page.all("img")] == [NASTY] * 3


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        ((1, 2.5), True),
        (("97.3 %", "–"), True),
        (("1,234", "-0.5"), True),
        (("12.3 ms", "4 MB"), True),
        (("8 × 224", "3"), False),
        (("swipe_left", "3"), False),
        (("2 found", "none"), False),
        ((), False),
    ],
)
def test_columns_of_numbers_are_aligned_to_the_right(cells, numeric):
    report = HtmlReport("title")
    report.table(["name", "value"], [["a name", cell] for cell in cells])
    page = Page(report)
    classes = [cell.get("class") for cell in page.all("th") + page.all("td")]
    assert classes[::2] == [None] * (len(cells) + 1)
    assert classes[1::2] == ["number" if numeric else None] * (len(cells) + 1)


def test_table_takes_any_rows():
    report = HtmlReport("title")
    report.table(("a", "b"), ((x, None) for x in "xy"))
    assert Page(report).texts.count("None") == 2


def test_shares_have_bars():
    report = HtmlReport("title")
    report.table(["class", "accuracy"], [["a", "12.5%"], ["b", "–"]], bars=["accuracy"])
    cells = Page(report).all("td")
    assert cells[1] == {"class": "number bar", "style": "--share:12.5%"}
    assert cells[3] == {"class": "number"}


def test_a_figure_of_full_size_scrolls():
    report = HtmlReport("title")
    report.figure(small_figure(), "caption", full_size=True)
    page = Page(report)
    [image] = page.all("img")
    assert {"class": "whole"} in page.all("div")
    # In the inches that the figure has: 1, and the margin that `figure_to_png_bytes` adds.
    assert int(image["width"]) == pytest.approx(96, rel=0.3)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda r: r.table(["a", "b"], [[1]]), r"a cell for each of \['a', 'b'\]. Received: \[1\]"),
        (lambda r: r.table(["a"], [[1]], bars=["b"]), r"among the headers \['a'\]. Received: bars=\['b'\]"),
    ],
)
def test_errors_leave_the_report_as_it_was(action, message):
    report = HtmlReport("title")
    before = report.to_html()
    with pytest.raises(ValueError, match=message):
        action(report)
    assert report.to_html() == before


def test_save(tmp_path):
    report = full_report("grün")
    report.save(tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == report.to_html()

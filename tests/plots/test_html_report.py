import base64
import io
import re
import sys
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
    report.heading(text, level=3)
    report.paragraph(text)
    report.code(text)
    report.table([text, "n"], [[text, 1], ["b", 2.5]], caption=text)
    report.figure(small_figure(), text)
    report.image(np.zeros((4, 6, 3), "uint8"), text, alt=text)
    report.columns([small_figure(), (np.zeros((4, 6), "uint8"), text)])
    return report


def test_page_is_well_formed_and_self_contained():
    page = Page(full_report())
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object"}
    assert len(page.images()) == 4
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
    # title, h1, h2, h3, p, pre, caption, th, td and three captions of pictures
    assert page.texts.count(NASTY) == 12
    assert [image["alt"] for image in page.all("img")] == [NASTY, NASTY, "Figure", NASTY]


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


def png_bytes(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png")
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(4, 6, 3), (4, 6), (1, 1, 3)])
@pytest.mark.parametrize("encode", [lambda image: image, png_bytes], ids=["array", "png"])
def test_images_come_through_unchanged(shape, encode):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    report = HtmlReport("title")
    report.image(encode(image), "caption")
    np.testing.assert_array_equal(Page(report).images()[0], image)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda r: r.heading("a", level=1), "Received: level=1"),
        (lambda r: r.table(["a", "b"], [[1]]), r"a cell for each of \['a', 'b'\]. Received: \[1\]"),
        (lambda r: r.table(["a"], [[1]], bars=["b"]), r"among the headers \['a'\]. Received: bars=\['b'\]"),
        (lambda r: r.image(np.zeros((4, 4, 3)), "a"), "Received: dtype=float64"),
        (lambda r: r.image(np.zeros((4, 4, 4), "uint8"), "a"), r"shape=\(4, 4, 4\)"),
        (lambda r: r.image(np.zeros(4, "uint8"), "a"), r"shape=\(4,\)"),
        (lambda r: r.image(np.zeros((0, 4, 3), "uint8"), "a"), r"shape=\(0, 4, 3\)"),
        (lambda r: r.image(b"\xff\xd8\xff\xe0JFIF", "a"), "PNG file. Received"),
        (lambda r: r.columns([(b"", "a")]), "PNG file. Received"),
    ],
)
def test_errors_leave_the_report_as_it_was(action, message):
    report = HtmlReport("title")
    before = report.to_html()
    with pytest.raises(ValueError, match=message):
        action(report)
    assert report.to_html() == before


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_action\[plot\]'"):
        HtmlReport("title").image(np.zeros((4, 4), "uint8"), "a")


def test_save(tmp_path):
    report = full_report("grün")
    report.save(tmp_path / "new" / "report.html")
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == report.to_html()

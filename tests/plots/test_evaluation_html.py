import json

import numpy as np
import pytest

import keras_action
from keras_action.evaluation import EvaluationReport, Protocol
from keras_action.plots.evaluation_html import evaluation_page, worst_clips_figure
from tests import tiny

pytest.importorskip("matplotlib", reason="Matplotlib is not installed")


def make_report(classes, count=60, **fields):
    rng = np.random.default_rng(0)
    labels = [f"class <{i}>" for i in range(classes)]
    logits = rng.normal(size=(count, classes))
    logits[-1] = np.nan
    true_ids = rng.integers(0, classes, count)
    return EvaluationReport(labels, [f"{i}.mp4" for i in range(count)], true_ids, logits, **fields)


@pytest.mark.parametrize("classes", [2, 12])
def test_the_page_tells_all(classes):
    report = make_report(
        classes,
        groups=[f"subject {i % 7}" for i in range(60)],
        reversed_pairs=[("class <0>", "class <1>")],
        protocol=Protocol.paper(8),
    )
    html = evaluation_page(report, "A title", details=[("model", "runs/mine")]).to_html()
    for text in (
        "A title",
        "runs/mine",
        f"{report.top1:.1%}",
        "over 7 groups",
        "10 clips × 3 crops",
        "Reversed pairs",
        f"{report.pair_accuracy()['class <0>', 'class <1>']:.1%}",
        "class &lt;1&gt;",
        "59.mp4",
        "data:image/png;base64,",
    ):
        assert text in html
    assert ("top-5" in html) == (classes > 5)
    assert json.loads(report.to_json())["protocol"]["num_clips"] == 10


def test_a_page_without_mistakes():
    report = EvaluationReport(("a", "b"), ("1.mp4",), [0], [[1, 0]])
    html = evaluation_page(report, "One clip").to_html()
    assert "Reversed pairs" not in html and "most confused pairs" not in html and "Undecodable" not in html
    assert "–" in html  # class b has no clip


def test_worst_clips_are_those_of_the_report(tmp_path):
    from keras_action.data import read_annotations

    annotations = read_annotations(tiny.write_videos(tmp_path, per_class=3))

    def model(clips):
        """Takes all for bright, the darkest most surely."""
        light = np.asarray(clips, "float32").mean(axis=(1, 2, 3, 4))
        return np.stack([300 - light, 0 * light], axis=1)

    report = keras_action.evaluate(model, annotations, Protocol(4, 32), progress=False)
    figure = worst_clips_figure(report, annotations, count=2)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 2
    for title, clip in zip(titles, report.misclassified(), strict=False):
        assert title.startswith("dark, predicted bright (100%)")
        assert clip.path == annotations.clips[clip.index].path and annotations.clips[clip.index].label == "dark"
    strip = np.asarray(figure.axes[0].images[0].get_array())
    assert strip[:, :32].mean() < 100  # one of the dark ones
    right = keras_action.evaluate(lambda c: -model(c) + [0, -200], annotations, Protocol(4, 32))
    assert right.top1 == 1 and worst_clips_figure(right, annotations) is None

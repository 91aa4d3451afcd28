"""Figures and an HTML page of an evaluation."""

import dataclasses
import os

import numpy as np

from keras_action.evaluation.text import direction_rows, figure_rows, interval_note
from keras_action.plots.confusion_matrix import confusion_matrix_figure
from keras_action.plots.contact_sheet import contact_sheet_figure
from keras_action.plots.html_report import HtmlReport
from keras_action.utils.fields import attributes

MAX_PAIRS = 15
THUMBNAIL = 112  # pixels


def worst_clips_figure(report, annotations, count=12):
    """Draws the misclassified clips with the highest probability, one per row.

    A row shows the centre crop of one clip of middle frames, regardless of the views of the evaluation.

    Args:
        report: An `EvaluationReport` that `keras_action.evaluate` returned.
        annotations: The `keras_action.data.Annotations` of the evaluation.
        count: Maximum number of clips.

    Returns:
        A `matplotlib.figure.Figure`, or `None` if no clip is misclassified.
    """
    from keras_action.data import Cropping, evaluation_dataset

    worst = report.misclassified()[:count]
    if not worst:
        return None
    chosen = dataclasses.replace(annotations, clips=tuple(annotations.clips[clip.index] for clip in worst))
    scale = min(1, THUMBNAIL / max(report.protocol.size))
    batches = evaluation_dataset(
        chosen,
        input_size=tuple(max(1, round(side * scale)) for side in report.protocol.size),
        batch_size=1,
        **attributes(report.protocol, "num_segments", "sampling"),
        cropping=Cropping(crop_to_aspect_ratio=report.protocol.crop_to_aspect_ratio),
    )
    clips = np.concatenate([clips for clips, _, _ in batches.as_numpy_iterator()])
    titles = [f"{clip.true}, predicted {clip.predicted} ({clip.probability:.0%}): {_name(clip.path)}" for clip in worst]
    return contact_sheet_figure(clips, titles)


def evaluation_page(report, title, details=(), worst=None):
    """The results of an evaluation as an HTML page.

    Args:
        report: An `EvaluationReport`.
        title: Title of the page.
        details: Further rows of the table about the evaluation: pairs of texts.
        worst: A figure of `worst_clips_figure`, or `None`.

    Returns:
        A `keras_action.HtmlReport`.

    Example:

    ```python
    page = evaluation_page(report, "Nine gestures", worst=worst_clips_figure(report, annotations))
    page.save("evaluation.html")
    ```
    """
    page = HtmlReport(title)
    page.table(
        ["accuracy", "of all clips", "95 % interval"],
        [[name, f"{share:.1%}", f"{low:.1%} to {high:.1%}"] for name, share, (low, high) in figure_rows(report)],
    )
    page.paragraph(f"{interval_note(report)}; the variation between trainings is not included.")
    counts = [("clips", len(report.paths)), ("classes", len(report.labels)), ("undecodable", len(report.undecodable))]
    views = [("views", report.protocol)] if report.protocol is not None else []
    page.table(["what was evaluated", ""], [*details, *counts, *views])

    if rows := direction_rows(report):
        page.heading("Reversed pairs")
        page.paragraph(
            "Pairs of classes of which one is the other played backwards. Only clips that were classified as one of "
            "the two count; a model that ignores the order of frames is at chance, 50 %."
        )
        page.table(
            ["class", "its reverse", "clips", "correct", "accuracy"],
            [
                [first, second, clips, correct, f"{share:.1%}"]
                for first, second, correct, clips, share in sorted(rows, key=lambda row: (not row[1], row[-1]))
            ],
            bars=["accuracy"],
        )

    page.heading("Confusion")
    if pairs := report.confused_pairs(MAX_PAIRS):
        page.table(
            ["class", "other class", "clips", "class as other", "other as class"],
            [[pair.first, pair.second, pair.clips, pair.first_as_second, pair.second_as_first] for pair in pairs],
            caption="The most confused pairs of classes.",
        )
    page.figure(
        confusion_matrix_figure(report.confusion, report.labels),
        "Confusion matrix: true classes in rows, predicted classes in columns.",
        full_size=True,
    )
    if worst is not None:
        page.heading("Most confident errors")
        page.figure(
            worst, "Middle frames of each clip, in order of time; the probability of the predicted class in brackets."
        )

    page.heading("Classes")
    page.table(
        ["class", "clips", "correct", "accuracy", "most often confused with", "times"],
        [
            [
                row.label,
                row.clips,
                row.correct,
                f"{row.accuracy:.1%}" if row.clips else "–",
                row.confused_with or "",
                row.confused_clips or "–",
            ]
            for row in sorted(report.class_results(), key=lambda row: (not row.clips, row.accuracy))
        ],
        caption="In ascending order of accuracy.",
        bars=["accuracy"],
    )
    if report.undecodable:
        page.heading("Undecodable")
        page.paragraph("These files count as wrong and are not in the confusion matrix.")
        page.code("\n".join(report.undecodable))
    return page


def _name(path):
    return os.path.basename(os.path.normpath(path))

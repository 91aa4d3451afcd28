"""An evaluation as pictures and as one HTML page."""

import dataclasses
import os

import numpy as np

from keras_action.evaluation.text import direction_rows, figure_rows, interval_note
from keras_action.plots.charts import confusion_matrix_figure, contact_sheet_figure
from keras_action.plots.html_report import HtmlReport

MAX_PAIRS = 15
THUMBNAIL = 112  # pixels


def worst_clips_figure(report, annotations, count=12):
    """Draw the clips that the model is most sure of and wrong about, one a row.

    What is shown is the clip of middle frames and their centre, whatever the views that were averaged.

    Args:
        report: An `EvaluationReport` that `keras_action.evaluate` returned.
        annotations: The `keras_action.data.Annotations` that it was given.
        count: How many clips to draw at most.

    Returns:
        A `matplotlib.figure.Figure`, or `None` where no clip is wrong.
    """
    from keras_action.data import Cropping, evaluation_dataset

    worst = report.wrong()[:count]
    if not worst:
        return None
    chosen = dataclasses.replace(annotations, clips=tuple(annotations.clips[clip.index] for clip in worst))
    scale = min(1, THUMBNAIL / max(report.protocol.size))
    batches = evaluation_dataset(
        chosen,
        num_segments=report.protocol.num_segments,
        input_size=tuple(max(1, round(side * scale)) for side in report.protocol.size),
        batch_size=1,
        sampling=report.protocol.sampling,
        cropping=Cropping(crop_to_aspect_ratio=report.protocol.crop_to_aspect_ratio),
    )
    clips = np.concatenate([clips for clips, _, _ in batches.as_numpy_iterator()])
    titles = [f"{clip.true}, taken for {clip.predicted} ({clip.probability:.0%}): {_name(clip.path)}" for clip in worst]
    return contact_sheet_figure(clips, titles)


def evaluation_page(report, title, details=(), worst=None):
    """One page of all that an evaluation tells.

    Args:
        report: An `EvaluationReport`.
        title: The page's title.
        details: More rows for the table of what was evaluated: pairs of texts.
        worst: A figure of `worst_clips_figure`, or `None`.

    Returns:
        A `keras_action.HtmlReport`, to be saved or added to.

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
    page.paragraph(f"{interval_note(report)}; by how much another training would differ is not in them.")
    counts = [("clips", len(report.paths)), ("classes", len(report.labels)), ("undecodable", len(report.undecodable))]
    views = [("views", report.protocol)] if report.protocol is not None else []
    page.table(["what was evaluated", ""], [*details, *counts, *views])

    if rows := direction_rows(report):
        page.heading("In time's direction")
        page.paragraph(
            "Classes of which one is the other played backwards. Of their clips those count that were taken for one of "
            "the two; a model that does not see the order of frames is right for half of them."
        )
        page.table(
            ["class", "its reverse", "clips", "right", "share"],
            [
                [first, second, clips, right, f"{share:.1%}"]
                for first, second, right, clips, share in sorted(rows, key=lambda row: (not row[1], row[-1]))
            ],
            bars=["share"],
        )

    page.heading("What is taken for what")
    if pairs := report.confused_pairs(MAX_PAIRS):
        page.table(
            ["class", "other class", "clips", "as the other", "other as it"],
            [[pair.first, pair.second, pair.clips, pair.first_as_second, pair.second_as_first] for pair in pairs],
            caption="The pairs with most clips that were taken for each other.",
        )
    page.figure(
        confusion_matrix_figure(report.confusion, report.labels),
        "Confusion matrix: the true class gives the row, the predicted one the column.",
        full_size=True,
    )
    if worst is not None:
        page.heading("The model is most sure, and wrong")
        page.figure(worst, "Middle frames of each clip, left to right in time; the model's probability in brackets.")

    page.heading("Classes")
    page.table(
        ["class", "clips", "right", "accuracy", "most often taken for", "times"],
        [
            [
                row.label,
                row.clips,
                row.right,
                f"{row.accuracy:.1%}" if row.clips else "–",
                row.taken_for or "",
                row.taken_for_clips or "–",
            ]
            for row in sorted(report.class_results(), key=lambda row: (not row.clips, row.accuracy))
        ],
        caption="Those with the lowest accuracy first.",
        bars=["accuracy"],
    )
    if report.undecodable:
        page.heading("Not decoded")
        page.paragraph("These files count as wrong, and are not in the confusion matrix.")
        page.code("\n".join(report.undecodable))
    return page


def _name(path):
    return os.path.basename(os.path.normpath(path))

"""An `EvaluationReport` as text and as JSON."""

import dataclasses
import json

import numpy as np

from keras_action.utils.files import json_number

MAX_PAIRS = 5  # in the summary
_NAMES = {"top1": "top-1", "top5": "top-5", "mean_class_accuracy": "mean class"}


def figure_rows(report):
    """The name, value and interval of each accuracy; top-5 only with more than five classes."""
    names = [name for name in _NAMES if name != "top5" or len(report.labels) > 5]
    return [(_NAMES[name], getattr(report, name), report.intervals[name]) for name in names]


def interval_note(report):
    """How the intervals were computed, as text."""
    units = f"{len(set(report.groups))} groups" if report.has_groups else f"{len(report.paths)} clips"
    return f"95 % intervals by bootstrap over {units}"


def direction_rows(report):
    """For each reversed pair, and for all together: the two classes, correct clips, all clips, the accuracy."""
    matrices = report.confusion_within(report.reversed_pairs)
    rows = [(*pair, int(np.trace(matrix)), int(matrix.sum())) for pair, matrix in matrices.items() if matrix.any()]
    if len(rows) > 1:
        rows.append(("all pairs", "", sum(row[2] for row in rows), sum(row[3] for row in rows)))
    return [(*row, row[2] / row[3]) for row in rows]


def make_summary(report):
    """See `EvaluationReport.summary`."""
    lines = [f"{len(report.paths)} clips, {len(report.labels)} classes, {len(report.undecodable)} undecodable"]
    if report.protocol is not None:
        lines.append(str(report.protocol))
    lines += [
        "",
        *(f"{name:<10}  {share:>6.1%}  ({low:.1%} to {high:.1%})" for name, share, (low, high) in figure_rows(report)),
    ]
    lines.append(f"{interval_note(report)}.")
    if pairs := report.confused_pairs(MAX_PAIRS):
        lines += ["", "Most confused:"]
        lines += [f"  {p.first} | {p.second}: {p.clips} ({p.first_as_second} + {p.second_as_first})" for p in pairs]
    if rows := direction_rows(report):
        lines += ["", "Reversed pairs (chance 50 %):"]
        for first, second, correct, clips, share in rows:
            name = f"{first} against {second}" if second else first
            lines.append(f"  {name}: {share:.1%} ({correct} of {clips})")
    return "\n".join(lines)


def make_table(report):
    """See `EvaluationReport.__str__`."""
    width = max(len("class"), *map(len, report.labels))
    lines = [make_summary(report), "", f"{'class':<{width}}  clips  correct  accuracy  most often confused with"]
    for row in report.class_results():
        share = f"{row.accuracy:.1%}" if row.clips else ""
        confused_with = f"{row.confused_with} ({row.confused_clips})" if row.confused_with else ""
        lines.append(f"{row.label:<{width}}  {row.clips:>5}  {row.correct:>7}  {share:>8}  {confused_with}".rstrip())
    if report.undecodable:
        lines += ["", "Could not be decoded, counted as wrong:", *(f"  {path}" for path in report.undecodable)]
    return "\n".join(lines)


def make_json(report):
    """See `EvaluationReport.to_json`."""
    groups = report.groups or [None] * len(report.paths)
    results = [
        {
            "path": path,
            "group": group,
            "true": report.labels[true],
            "predicted": report.labels[predicted] if predicted >= 0 else None,
            "probability": float(row[predicted]) if predicted >= 0 else None,
        }
        for path, group, true, predicted, row in zip(
            report.paths, groups, report.true_ids, report.predicted_ids, report.probabilities, strict=True
        )
    ]
    matrices, accuracies = report.confusion_within(report.reversed_pairs), report.pair_accuracy()
    content = {
        "protocol": None if report.protocol is None else dataclasses.asdict(report.protocol),
        "clips": len(report.paths),
        "top1": report.top1,
        "top5": report.top5,
        "mean_class_accuracy": report.mean_class_accuracy,
        "intervals": {"method": interval_note(report), **report.intervals},
        "classes": [{**row._asdict(), "accuracy": json_number(row.accuracy)} for row in report.class_results()],
        "class_accuracy": {row.label: json_number(row.accuracy) for row in report.class_results()},
        "confused_pairs": [pair._asdict() for pair in report.confused_pairs()],
        "reversed_pairs": [
            {"classes": pair, "confusion": matrix.tolist(), "accuracy": json_number(accuracies[pair])}
            for pair, matrix in matrices.items()
        ],
        "labels": list(report.labels),
        "confusion": report.confusion.tolist(),
        "undecodable": list(report.undecodable),
        "results": results,
    }
    return json.dumps(content, indent=1, allow_nan=False)

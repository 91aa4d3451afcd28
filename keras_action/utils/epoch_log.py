"""Reading the log of a training run."""

import csv


def read_epochs(path):
    """The rows of a training log, a CSV file with a column `epoch`, in the order of the epochs.

    Of an epoch that is there twice, as after a resume with `keras.callbacks.CSVLogger`, the later row counts. A last
    line that was cut off is ignored.

    Args:
        path: Path of the file.

    Returns:
        A list of dicts from the names of columns to floats, `epoch` an integer. A row lacks the columns for which it
        has no number.
    """
    rows = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row.get("epoch") or "").isdecimal() and None not in row.values():
                rows[int(row["epoch"])] = row
    return [{**_numbers(rows[epoch]), "epoch": epoch} for epoch in sorted(rows)]


def _numbers(row):
    numbers = {}
    for name, text in row.items():
        try:
            numbers[name] = float(text)
        except (TypeError, ValueError):  # CSVLogger writes NA for a missing value
            continue
    return numbers

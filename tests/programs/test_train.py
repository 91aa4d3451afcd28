"""The preview of `training.train`; training itself is tested with the other programs."""

import numpy as np
import pytest

from keras_action import plots
from keras_action.data import read_annotations
from tests import tiny
from training import train


@pytest.fixture
def csv(tiny_backbone, tmp_path):
    """A set of 8 clips; `tiny.__file__` is a recipe with batches of 4."""
    return tiny.write_videos(tmp_path, per_class=4)


@pytest.fixture
def sheets(monkeypatch):
    """The clips and titles of each contact sheet that was drawn."""
    drawn = []
    draw = plots.contact_sheet_figure
    monkeypatch.setattr(plots, "contact_sheet_figure", lambda *sheet: drawn.append(sheet) or draw(*sheet))
    return drawn


@pytest.mark.parametrize("num_clips", [1, 4, 6, 12])
def test_preview_shows_the_first_clips_that_training_sees(csv, sheets, num_clips, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    from keras_action.training.build import training_batches

    before = set(tmp_path.iterdir())
    sheet = tmp_path / "sheet.png"
    arguments = ["--recipe", tiny.__file__, "--train", str(csv), "--preview", str(sheet)]
    arguments += ["--output", str(tmp_path / "run")]
    train.main([*arguments, "--preview-clips", str(num_clips)])
    assert f"Preview: {sheet}" in capsys.readouterr().out
    assert set(tmp_path.iterdir()) == before | {sheet}
    assert sheet.read_bytes().startswith(b"\x89PNG")
    ((clips, titles),) = sheets
    annotations = read_annotations(csv)
    batches = training_batches(tiny.recipe(), annotations).take(3)
    seen, labels = (np.concatenate(parts) for parts in zip(*batches.as_numpy_iterator(), strict=True))
    np.testing.assert_array_equal(clips, seen[:num_clips])
    assert titles == [annotations.labels[i] for i in labels[:num_clips].argmax(-1)]


def test_preview_names_both_clips_of_a_mixture(csv, sheets, tmp_path):
    pytest.importorskip("matplotlib")
    arguments = ["--recipe", tiny.__file__, "--train", str(csv), "--preview", str(tmp_path / "sheet.png")]
    train.main([*arguments, "--set", "mixup_alpha=1"])
    ((_, titles),) = sheets
    assert any(" + " in title for title in titles)


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ([0, 1, 0], "clap"),
        ([0, 0.3, 0.7], "none 0.7 + clap 0.3"),
        ([0.625, 0.375, 0], "wave 0.62 + clap 0.38"),
        ([0.003, 0.997, 0], "clap"),
        ([0.5, 0.5, 0], "wave 0.5 + clap 0.5"),
    ],
)
def test_labels_in_words(shares, text):
    assert train.describe_label(np.array(shares, "float32"), ("wave", "clap", "none")) == text


def test_either_output_or_preview(csv, capsys):
    with pytest.raises(SystemExit):
        train.main(["--train", str(csv)])
    assert "one of --output and --preview is required" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--preview-clips", "0"], "Received: --preview-clips 0"),
        (["--set", "batch_size=64"], "batch_size=64, 8 clips"),
    ],
)
def test_preview_errors(csv, extra, message, tmp_path):
    with pytest.raises(SystemExit, match=f"error: .*{message}"):
        train.main(["--recipe", tiny.__file__, "--train", str(csv), "--preview", str(tmp_path / "sheet.png"), *extra])


def test_preview_of_clips_that_cannot_be_decoded(csv, tmp_path):
    for path in tmp_path.glob("*.mp4"):
        path.write_text("this is no video")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(SystemExit, match="error: More than 10% of 8 clips"),
    ):
        train.main(["--recipe", tiny.__file__, "--train", str(csv), "--preview", str(tmp_path / "sheet.png")])

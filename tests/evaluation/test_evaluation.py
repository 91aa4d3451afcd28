import dataclasses
import doctest
import types

import keras
import numpy as np
import pytest

from keras_action.data import Cropping
from keras_action.evaluation import Protocol, evaluation
from keras_action.evaluation.evaluation import evaluate, evaluate_batches

LABELS = ("red", "green", "blue")
PATHS = tuple(f"{i}.mp4" for i in range(5))
IDS = np.array([0, 1, 2, 1, 0])


def color_logits(clips):
    """Right for a clip that has the color of its class only."""
    return np.asarray(clips, "float32").mean(axis=(1, 2, 3)) / 25


def make_batches(shown=IDS, weights=(1, 1, 1, 1, 1), batch_size=2):
    """Clips (B, 2, 8, 8, 3) that show the color `shown`, with the true ids `IDS`."""
    clips = np.zeros((len(shown), 2, 8, 8, 3), "uint8")
    clips[np.arange(len(shown)), ..., shown] = 255
    weights = np.array(weights, "float32")
    for i in range(0, len(shown), batch_size):
        yield clips[i : i + batch_size], IDS[i : i + batch_size], weights[i : i + batch_size]


def keras_model(classes=3):
    return keras.Sequential(
        [
            keras.Input((2, 8, 8, 3)),
            keras.layers.GlobalAveragePooling3D(),
            keras.layers.Dense(classes, kernel_initializer="identity", use_bias=False),
        ]
    )


@pytest.mark.parametrize("model", [color_logits, keras_model()], ids=["callable", "keras"])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_counts_what_is_right(model, batch_size):
    batches = make_batches(shown=[0, 1, 2, 0, 1], batch_size=batch_size)
    report = evaluate_batches(model, batches, labels=LABELS, paths=PATHS)
    assert report.predicted_ids.tolist() == [0, 1, 2, 0, 1]
    assert report.true_ids.tolist() == IDS.tolist()
    assert report.top1 == pytest.approx(3 / 5)
    assert {clip.path for clip in report.misclassified()} == {"3.mp4", "4.mp4"}


def test_undecodable_clips_are_listed_and_wrong():
    batches = make_batches(weights=(1, 0, 1, 1, 0))
    report = evaluate_batches(color_logits, batches, labels=LABELS, paths=PATHS)
    assert report.undecodable == ("1.mp4", "4.mp4")
    assert report.predicted_ids.tolist() == [0, -1, 2, 1, -1]
    assert report.top1 == pytest.approx(3 / 5)


def test_weights_may_be_absent():
    batches = [batch[:2] for batch in make_batches()]
    assert evaluate_batches(color_logits, batches, labels=LABELS, paths=PATHS).top1 == 1


def test_a_model_may_reuse_its_output():
    """As LiteRT's interpreter does, which hands out its own memory."""
    memory = np.zeros((1, 3), "float32")

    def model(clips):
        memory[:] = color_logits(clips)
        return memory

    batches = make_batches(batch_size=1, weights=(1, 0, 1, 1, 1))
    assert evaluate_batches(model, batches, labels=LABELS, paths=PATHS).top1 == pytest.approx(4 / 5)


@pytest.mark.parametrize(
    ("model", "paths", "message"),
    [
        (keras_model(4), PATHS, r"has 4 classes.*have 3 labels.*Received: labels=\('red'"),
        (lambda clips: np.zeros((len(clips), 4)), PATHS, r"\(2, 3\).*Received: logits\.shape=\(2, 4\)"),
        (lambda clips: np.zeros((1, 3)), PATHS, r"Received: logits\.shape=\(1, 3\)"),
        (color_logits, PATHS[:3], "Received: 3 paths, at least 4 clips"),
        (color_logits, (*PATHS, "more.mp4"), "Received: 6 paths, 5 clips"),
        (lambda clips: color_logits(clips) * np.nan, PATHS, r"finite.*Received: .*0\.mp4"),
    ],
    ids=["keras classes", "callable classes", "one row", "few paths", "many paths", "nan"],
)
def test_errors(model, paths, message):
    with pytest.raises(ValueError, match=message):
        evaluate_batches(model, make_batches(), labels=LABELS, paths=paths)


def test_no_clips():
    with pytest.raises(ValueError, match="at least one clip"):
        evaluate_batches(color_logits, [], labels=LABELS, paths=[])


def test_logits_of_an_undecodable_clip_may_be_anything():
    """Zeros in can be NaN out; what the model makes of them says nothing about it."""

    def model(clips):
        logits = color_logits(clips)
        logits[1] = np.inf
        return logits

    batches = make_batches(weights=(1, 0, 1, 1, 1), batch_size=5)
    assert evaluate_batches(model, batches, labels=LABELS, paths=PATHS).undecodable == ("1.mp4",)


@pytest.fixture
def fake_data(monkeypatch):
    """Stands in for `evaluation_dataset`, and notes its arguments."""
    asked = {}

    def evaluation_dataset(annotations, **options):
        asked.update(options)
        return make_batches()

    monkeypatch.setattr("keras_action.data.evaluation_dataset", evaluation_dataset)
    return asked


def make_annotations(labels=LABELS):
    return types.SimpleNamespace(
        labels=labels, clips=[types.SimpleNamespace(path=path, name=None, group=None) for path in PATHS]
    )


def test_evaluate_reads_the_annotated_clips(fake_data, capsys):
    failures = object()
    report = evaluate(color_logits, make_annotations(), Protocol(2, 8), batch_size=2, failures=failures)
    assert fake_data == {
        **{"num_segments": 2, "input_size": 8, "batch_size": 2, "failures": failures},
        **{"sampling": "segments", "num_clips": 1, "num_crops": 1, "seed": None, "cropping": Cropping()},
    }
    assert report.paths == PATHS
    assert report.top1 == 1
    assert "top-1" in capsys.readouterr().out


def test_evaluate_without_progress_is_silent(fake_data, capsys):
    evaluate(color_logits, make_annotations(), Protocol(2, 8), progress=False)
    assert capsys.readouterr().out == ""


def test_evaluate_checks_pairs_before_decoding(fake_data):
    with pytest.raises(ValueError, match=r"no class 'gren'\. Did you mean 'green'"):
        evaluate(color_logits, make_annotations(), Protocol(2, 8), reversed_pairs=[("red", "gren")])
    assert fake_data == {}


def test_evaluate_takes_a_protocol(fake_data):
    with pytest.raises(TypeError, match=r"`protocol` must be a `keras_action\.evaluation\.Protocol`\. Received: .*8"):
        evaluate(color_logits, make_annotations(), {"num_segments": 8})
    assert not fake_data


def test_evaluate_compares_classes_before_decoding(fake_data):
    with pytest.raises(ValueError, match="has 3 classes, the annotations have 2 labels"):
        evaluate(keras_model(), make_annotations(LABELS[:2]), Protocol(2, 8))
    assert not fake_data


def test_evaluate_names_clips_by_their_name(fake_data):
    annotations = make_annotations()
    annotations.clips[0].name = "video.webm"
    report = evaluate(color_logits, annotations, Protocol(2, 8), progress=False)
    assert report.paths == ("video.webm", *PATHS[1:])


@pytest.mark.parametrize("batch_size", [None, 1, 2, 4])
def test_probabilities_of_views_are_averaged(batch_size):
    # Of two views one is sure of red, the other leans to green: as logits green has the larger sum.
    views = np.array([[[9.0, 0, 0], [0, 9.5, 9.5]], [[0, 0, 1], [0, 0, 1]]])
    seen = []

    def model(clips):
        seen.append(len(clips))
        return clips[:, 0, 0, 0]

    clips = views[:, :, None, None, None].astype("float32")  # (B, V, T, H, W, 3)
    report = evaluate_batches(model, [(clips, np.array([0, 2]))], labels=LABELS, paths=PATHS[:2], batch_size=batch_size)
    powers = np.exp(views)
    expected = (powers / powers.sum(-1, keepdims=True)).mean(1)
    np.testing.assert_allclose(report.probabilities, expected, rtol=1e-5)
    assert report.top1 == 1
    assert sum(seen) == 4 and max(seen) == min(batch_size or 4, 4)


def test_evaluate_divides_batches_by_views(fake_data):
    evaluate(color_logits, make_annotations(), Protocol.paper(2, 8), batch_size=70)
    assert (fake_data["batch_size"], fake_data["num_clips"], fake_data["num_crops"]) == (2, 10, 3)


class FixedSize:
    """As a LiteRT file: it has shapes, and cannot be rebuilt."""

    input_shape, output_shape = (None, 2, 8, 8, 3), (None, 3)
    __call__ = staticmethod(color_logits)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (keras_model(), {"num_segments": 4}, "clips of 2 frames. Received: num_segments=4"),
        (FixedSize(), {"num_segments": 4}, "clips of 2 frames. Received: num_segments=4"),
        (FixedSize(), {"input_size": 16}, r"fixed size, 8 × 8.*three crops of 8 × 8. Received: input_size=16"),
    ],
)
def test_evaluate_compares_frames_before_decoding(fake_data, model, options, message):
    with pytest.raises(ValueError, match=message):
        evaluate(model, make_annotations(), Protocol(**{"num_segments": 2, "input_size": 8, **options}))
    assert not fake_data


def test_evaluate_compares_classes_of_any_model_that_has_a_shape(fake_data):
    with pytest.raises(ValueError, match="has 3 classes, the annotations have 2 labels"):
        evaluate(FixedSize(), make_annotations(LABELS[:2]), Protocol(2, 8))
    assert evaluate(FixedSize(), make_annotations(), Protocol(2, 8), progress=False).top1 == 1


def test_evaluate_tells_groups_pairs_and_protocol(fake_data):
    annotations = make_annotations()
    for i, clip in enumerate(annotations.clips):
        clip.group = f"subject {i % 2}"
    pairs = [("red", "blue")]
    report = evaluate(color_logits, annotations, Protocol(2, 8), reversed_pairs=pairs, progress=False)
    assert report.has_groups and report.reversed_pairs == (("red", "blue"),)
    assert report.protocol == Protocol(2, 8)


@pytest.fixture
def video_annotations(tmp_path):
    """Reads annotations of videos of one color each, 11 whole ones and as many broken ones as asked for."""
    pytest.importorskip("av", reason="PyAV is not installed")
    from keras_action.data import read_annotations, write_video

    def read(broken):
        lines = ["path,label"]
        for i in range(11):
            frames = np.zeros((4, 32, 48, 3), "uint8")
            frames[..., i % 3] = 255
            write_video(tmp_path / f"{i}.mp4", frames)
            lines.append(f"{i}.mp4,{LABELS[i % 3]}")
        for i in range(broken):
            (tmp_path / f"broken{i}.mp4").write_text("not a video")
            lines.append(f"broken{i}.mp4,red")
        (tmp_path / "val.csv").write_text("\n".join(lines))
        return read_annotations(tmp_path / "val.csv", labels=LABELS)

    return read


@pytest.mark.filterwarnings("ignore:A clip is left out")
def test_evaluate_decodes_videos_and_lists_the_broken_one(video_annotations):
    annotations = video_annotations(broken=1)
    report = evaluate(color_logits, annotations, Protocol(2, 16), progress=False)
    assert report.top1 == pytest.approx(11 / 12)
    assert not report.misclassified()
    assert [path.endswith("broken0.mp4") for path in report.undecodable] == [True]


@pytest.mark.parametrize("views", [{}, {"num_clips": 2, "num_crops": 3, "sampling": "reference", "seed": 0}])
def test_evaluate_rebuilds_a_model_of_another_size(video_annotations, views):
    annotations = video_annotations(broken=0)
    report = evaluate(keras_model(), annotations, Protocol(2, 16, short_side=20, **views), batch_size=4, progress=False)
    assert report.top1 == 1
    assert report.protocol.size == (16, 16) and report.protocol.short_side == 20


def test_known_reversed_pairs_are_found(video_annotations):
    labels = ("swipe_left", "none", "swipe_right")
    annotations = video_annotations(broken=0)
    clips = [dataclasses.replace(clip, label=labels[LABELS.index(clip.label)]) for clip in annotations.clips]
    annotations = dataclasses.replace(annotations, clips=tuple(clips), labels=labels)
    report = evaluate(color_logits, annotations, Protocol(2, 16), progress=False)
    assert report.reversed_pairs == (("swipe_left", "swipe_right"),)
    assert report.pair_accuracy() == {("swipe_left", "swipe_right"): 1}


@pytest.mark.filterwarnings("ignore:A clip is left out")
def test_evaluate_stops_where_too_many_videos_are_broken(video_annotations):
    from keras_action.data import TooManyFailuresError

    annotations = video_annotations(broken=3)
    with pytest.raises(TooManyFailuresError, match=r"broken\d\.mp4"):
        evaluate(color_logits, annotations, Protocol(2, 16), progress=False)


def test_docstring():
    assert doctest.testmod(evaluation).failed == 0


def test_a_model_of_streams_is_not_for_clips():
    frames = keras.Sequential([keras.Input((2, 8, 8, 3)), keras.layers.Reshape((2, 192)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=r"has no logits of clips.*Received: output_shape=\(None, 2, 3\)"):
        evaluate(frames, types.SimpleNamespace(labels=LABELS, clips=()), Protocol(2, 8))

import keras
import numpy as np
import pytest

from keras_action.losses import CandidateAccuracy, CandidateCrossentropy
from tests.test_case import numpy

LOGITS = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
ONE = np.eye(4, dtype="float32")[[[0, 1, 2, 3, 0], [2, 2, 1, 0, 3]]]
TWO = np.maximum(ONE, np.eye(4, dtype="float32")[0])  # the first label is right too


def test_the_loss_is_of_the_probability_that_one_of_the_labels_has():
    probabilities = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    expected = -np.log((probabilities * TWO).sum(-1))
    actual = CandidateCrossentropy(reduction=None)(TWO, LOGITS)
    np.testing.assert_allclose(numpy(actual), expected, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_one_candidate_is_the_cross_entropy(smoothing):
    weights = np.linspace(0, 1, 10, dtype="float32").reshape(2, 5)
    ours = CandidateCrossentropy(smoothing)(ONE, LOGITS, weights)
    keras_own = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    np.testing.assert_allclose(float(ours), float(keras_own(ONE, LOGITS, weights)), rtol=1e-5)


def test_the_loss_does_not_choose_between_candidates():
    # Whatever of the two is more probable, as long as no other is.
    for pair in ([40.0, -40.0], [0.0, 0.0], [-40.0, 40.0]):
        logits = np.array([[*pair, -60.0]], "float32")
        assert float(CandidateCrossentropy()(np.array([[1.0, 1.0, 0.0]], "float32"), logits)) < 1e-5
    wrong = np.array([[-40.0, -40.0, 40.0]], "float32")
    loss = float(CandidateCrossentropy()(np.array([[1.0, 1.0, 0.0]], "float32"), wrong))
    np.testing.assert_allclose(loss, 80 - np.log(2), rtol=1e-5)  # not infinite


def test_accuracy_counts_each_candidate():
    best = LOGITS.argmax(-1)
    weights = np.linspace(0, 1, 10, dtype="float32").reshape(2, 5)
    for targets in (ONE, TWO):
        metric = CandidateAccuracy()
        metric.update_state(targets, LOGITS, weights)
        expected = np.average(np.take_along_axis(targets, best[..., None], -1)[..., 0], weights=weights)
        np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)


def test_a_compiled_model_is_saved_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Dense(4)])
    model.compile("sgd", CandidateCrossentropy(0.1), weighted_metrics=[CandidateAccuracy()])
    frames = np.ones((2, 5, 3), "float32")
    expected = model.evaluate(frames, TWO, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.loss.label_smoothing == 0.1
    assert loaded.evaluate(frames, TWO, verbose=0, return_dict=True) == pytest.approx(expected)


def test_wrong_smoothing():
    with pytest.raises(ValueError, match=r"from 0 to 1. Received: label_smoothing=1.5"):
        CandidateCrossentropy(1.5)

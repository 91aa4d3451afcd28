import numpy as np
import pytest

import keras_action
from keras_action.data import read_annotations
from keras_action.training.build import build_model
from keras_action.training.recipe import Recipe
from tests import tiny
from tests.test_case import numpy, randomise, reference


@pytest.fixture(autouse=True)
def backbone(monkeypatch):
    tiny.register(monkeypatch)


def save(tmp_path, num_classes=2, **fields):
    """A model of random weights in a file."""
    model = build_model(tiny.recipe(**fields), num_classes)
    for layer in model.layers:
        randomise(layer)
    model.save(tmp_path / "start.keras")
    return model, str(tmp_path / "start.keras")


def named(model):
    return {weight.path: numpy(weight) for weight in model.weights}


def test_all_weights_are_taken_where_the_classes_are_as_many(tmp_path):
    start, path = save(tmp_path)
    model = build_model(tiny.recipe(start_from=path, num_segments=3, dropout=0.1), 2)
    for name, value in named(start).items():
        np.testing.assert_array_equal(named(model)[name], value, err_msg=name)


def test_other_classes_get_a_new_classifier(tmp_path, capsys):
    start, path = save(tmp_path, num_classes=5)
    model = build_model(tiny.recipe(start_from=path), 2)
    line = f"Starting with the weights of {path}: a new classifier for 2 classes, other than the 5 in the file."
    assert line in capsys.readouterr().out
    ours, theirs = named(model), named(start)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours if not name.startswith("classifier"))
    assert ours["classifier/kernel"].shape == (8, 2) and np.abs(ours["classifier/kernel"]).max() < 0.01


@pytest.mark.usefixtures("eager")
def test_a_run_is_gone_on_with_and_its_classifier_kept_for_the_same_labels_alone(tmp_path, capsys):
    training = read_annotations(tiny.write_videos(tmp_path))
    recipe = tiny.recipe(epochs=1, model="tsn")
    first = keras_action.train(recipe, training, None, tmp_path / "first", tensorboard=False)
    recipe = recipe.replace(start_from=str(tmp_path / "first"), learning_rate=1e-9, weight_decay=0.0)
    second = keras_action.train(recipe, training, None, tmp_path / "second", tensorboard=False)
    assert "the same classes" in capsys.readouterr().out
    ours, theirs = named(second.load_model()), named(first.load_model())
    for name in ("stem/kernel", "classifier/kernel"):
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6)
    build_model(recipe, 2, labels=("up", "down"))
    assert "a new classifier for 2 classes" in capsys.readouterr().out

    # A run that goes on does not read it again.
    (tmp_path / "first").rename(tmp_path / "moved")
    keras_action.train(recipe, training, None, tmp_path / "second", tensorboard=False)
    with pytest.raises(FileNotFoundError, match="first"):
        keras_action.train(recipe, training, None, tmp_path / "third", tensorboard=False)
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("model", ["action_net", "tsm"])
def test_a_causal_model_starts_from_one_that_is_not(model, tmp_path):
    start, path = save(tmp_path, model=model, shift="learnable")
    causal = build_model(tiny.recipe(model=model, shift="learnable", start_from=path, causal=True), 2)
    ours, theirs = named(causal), named(start)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if name.endswith(("shift/kernel", "_shift/kernel")):
            back, now, ahead = theirs[name]
            np.testing.assert_array_equal(value, [0 * back, back, now + ahead])
        else:
            np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize(
    ("there", "here", "message"),
    [
        ({"model": "tsm"}, {}, "it has no layer 'branch_action'"),
        ({}, {"model": "tsn"}, "it has an extra layer 'branch_action'"),
        ({"paths": ("ste", "ce")}, {}, "layer 'branch_action' has"),
        ({"shift": "fixed"}, {"shift": None}, "has shift fixed, where None is needed"),
        ({"causal": True}, {}, "'branch_action' is causal, where one that is not is needed"),
        ({}, {"backbone": "tiny_norm"}, "it has no layer 'stem_norm'"),
    ],
)
def test_a_model_that_does_not_fit(there, here, message, tmp_path):
    _, path = save(tmp_path, **there)
    with pytest.raises(ValueError, match=message) as error:
        build_model(tiny.recipe(start_from=path, **here), 2)
    assert "Received: start_from=" in str(error.value)


@pytest.mark.slow
def test_the_geometry_is_that_of_the_start(tmp_path):
    fields = {"backbone": "mobilenet_v2", "alpha": 0.35}
    start, path = save(tmp_path, variant="torchvision", **fields)
    model = build_model(tiny.recipe(start_from=path, **fields), 2)
    clips = np.random.default_rng(0).integers(0, 256, (1, 2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(model.predict(clips, verbose=0), start.predict(clips, verbose=0), rtol=1e-5)
    with pytest.raises(ValueError, match="does not fit"):
        build_model(tiny.recipe(start_from=path, variant="keras", **fields), 2)


def test_bad_starts(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.keras"):
        build_model(tiny.recipe(start_from=str(tmp_path / "none.keras")), 2)
    with pytest.raises(ValueError, match="zero_init_residual=True"):
        Recipe(start_from="x.keras", zero_init_residual=True)


@pytest.mark.slow
def test_a_checkpoint_whose_keys_do_not_tell_its_kind(tmp_path):
    """TSM and TSN on BNInception have the same keys: it is of the kind that starts with it."""
    path = tmp_path / "tsm.npz"
    state_dict = reference().state_dict("tsm_bninception_27c_8f_224px.npz")
    np.savez(path, **state_dict)
    for kind in ("tsm", "tsn"):
        recipe = tiny.recipe(model=kind, backbone="bn_inception", start_from=str(path), input_size=64)
        model = build_model(recipe, 27)
        bias = model.get_layer("classifier").get_weights()[1]
        np.testing.assert_array_equal(bias, state_dict["new_fc.bias"])


def test_tsms_online_model_is_no_start_for_other_shifted_channels(tmp_path):
    options = {"num_segments": 2, "input_size": 32, "causal": True, "past_channels": "first"}
    keras_action.build_tsm("tiny", 2, **options).save(tmp_path / "online.keras")
    with pytest.raises(ValueError, match="has past_channels first, where second is needed"):
        build_model(tiny.recipe(model="tsm", causal=True, start_from=str(tmp_path / "online.keras")), 2)


def test_a_memory_that_the_start_lacks_is_new(tmp_path, capsys):
    old, start = save(tmp_path, causal=True)
    model = build_model(tiny.recipe(start_from=start, causal=True, memory=6, return_sequences=True), 2)
    assert "a new memory, and a new classifier for 2 classes behind it" in capsys.readouterr().out
    new, old = named(model), named(old)
    np.testing.assert_array_equal(new["stem/kernel"], old["stem/kernel"])
    assert new["classifier/kernel"].shape == (6, 2)


def test_a_memory_is_taken_where_it_has_as_many_units(tmp_path):
    old, start = save(tmp_path, causal=True, memory=6, return_sequences=True)
    model = build_model(tiny.recipe(start_from=start, causal=True, memory=6), 2)
    assert {path for path in named(model) if "gru" in path}
    for path, value in named(model).items():
        np.testing.assert_array_equal(value, named(old)[path])
    with pytest.raises(ValueError, match="its layer 'memory' has"):
        build_model(tiny.recipe(start_from=start, causal=True, memory=7), 2)

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_action
from keras_action.data import Annotations, Clip, TooManyFailuresError, read_annotations
from keras_action.training.build import build_model, make_schedule, training_batches, validation_batches
from keras_action.training.callbacks import Checkpoints, finished_epochs, read_log
from keras_action.training.fit import median_clip_seconds
from keras_action.training.recipe import Recipe
from keras_action.training.run import digest, write_run
from tests import tiny

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    return tiny.write_videos(tmp_path_factory.mktemp("videos"))


@pytest.fixture
def annotations(csv, monkeypatch):
    tiny.register(monkeypatch)
    return read_annotations(csv)


def small(**fields):
    """The recipe of a model that costs least, for what does not depend on the model."""
    return tiny.recipe(model="tsn", **fields)


# With a phase in which the backbone is frozen; the decay is strong, so that what it leaves out must stay left out.
WHOLE = {"weight_decay": 1.0, "frozen_epochs": 1, "warmup_epochs": 0, "learning_rate": 0.01}


class Epochs(keras.callbacks.Callback):
    """Notes each layer's first weight and the learning rate at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        kernels = {layer.name: np.array(layer.get_weights()[0]) for layer in self.model.layers if layer.weights}
        self.seen.append((kernels, float(self.model.optimizer.learning_rate)))


@pytest.fixture(scope="module")
def whole_run_and_epochs(csv, tmp_path_factory):
    """A run that nothing interrupted, in graph mode, and its `Epochs`."""
    with pytest.MonkeyPatch.context() as patch:
        tiny.register(patch)
        clips, epochs = read_annotations(csv), Epochs()
        folder = tmp_path_factory.mktemp("runs") / "whole"
        return keras_action.train(tiny.recipe(**WHOLE), clips, clips, folder, callbacks=[epochs]), epochs


@pytest.fixture(scope="module")
def whole_run(whole_run_and_epochs):
    return whole_run_and_epochs[0]


@pytest.fixture(scope="module")
def one_epoch(csv, tmp_path_factory):
    """The folder of a finished run of one epoch, without validation."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        tiny.register(patch)
        keras_action.train(small(epochs=1), read_annotations(csv), None, folder, tensorboard=False)
    return folder


@pytest.fixture
def finished(one_epoch, tmp_path):
    """A copy of that folder."""
    return Path(shutil.copytree(one_epoch, tmp_path / "run"))


class Kill(keras.callbacks.Callback):
    """Stops training as Ctrl-C does, after some steps of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise KeyboardInterrupt


class Copy(keras.callbacks.Callback):
    """Copies the folder of a run in the middle of an epoch: what a kill leaves behind."""

    def __init__(self, epoch, folder, copy):
        super().__init__()
        self.epoch, self.folder, self.copy = epoch, folder, copy

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            shutil.copytree(self.folder, self.copy)


def losses(folder):
    return [row["loss"] for row in read_log(folder)]


@pytest.mark.graph
def test_a_run_leaves_all_that_is_needed_to_use_it(annotations, whole_run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = whole_run
    assert run.trained_on_streams is False
    assert {path.name for path in run.folder.iterdir()} >= {"best.keras", "last.keras", "run.json", "log.csv"}
    assert run.labels == ("bright", "dark")
    assert run.clip_seconds == pytest.approx(1.0)
    assert keras_action.load_run(run.folder / "last.keras").checkpoint.name == "last.keras"
    rows = read_log(run.folder)
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "clips_per_second"} <= set(rows[0])
    assert rows[-1]["learning_rate"] < 1e-3 < rows[0]["learning_rate"]
    tags = set()
    for path in (run.folder / "tensorboard").rglob("events*"):
        tags |= set(EventAccumulator(str(path)).Reload().Tags()["tensors"])
    assert {"epoch_loss", "epoch_accuracy", "epoch_learning_rate", "epoch_clips_per_second"} <= tags
    report = keras_action.evaluate(
        run.load_model(), annotations, keras_action.evaluation.Protocol(2, 32), progress=False
    )
    assert report.top1 == max(row["val_accuracy"] for row in rows)


def build_first(recipe):
    """The model as a run of the recipe begins with it."""
    keras.utils.set_random_seed(recipe.seed)
    return build_model(recipe, 2)


def test_frozen_epochs_leave_the_backbone_alone(annotations, whole_run_and_epochs):
    """In graph mode, in which a model that is not compiled again would train as before."""
    seen = whole_run_and_epochs[1].seen
    first = {layer.name: layer.get_weights()[0] for layer in build_first(tiny.recipe(**WHOLE)).layers if layer.weights}
    changed = [{name for name in first if (kernels[name] != first[name]).any()} for kernels, _ in seen]
    assert "classifier" in changed[0] and any(name.endswith("_action") for name in changed[0])
    assert not {"stem", "branch"} & changed[0]
    assert {"stem", "branch", "classifier"} <= changed[1]
    assert [rate for _, rate in seen] == pytest.approx([0.01, 0.005, 0.0], abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [0, 1, 2])
def test_an_interrupted_run_goes_on_as_if_nothing_had_been(annotations, whole_run, tmp_path, kill_at, capsys):
    recipe = tiny.recipe(**WHOLE)
    with pytest.raises(KeyboardInterrupt):
        keras_action.train(
            recipe, annotations, annotations, tmp_path / "cut", tensorboard=False, callbacks=[Kill(kill_at)]
        )
    assert len(losses(tmp_path / "cut")) == kill_at
    keras_action.train(recipe, annotations, annotations, tmp_path / "cut", tensorboard=False)
    assert (f"Resuming after epoch {kill_at} of 3" in capsys.readouterr().out) == (kill_at > 0)
    check_same_run(whole_run.folder, tmp_path / "cut")


def check_same_run(whole, cut):
    """The same numbers in all epochs, and the same weights after them."""
    logs = [read_log(folder) for folder in (cut, whole)]
    for name in ("epoch", "loss", "val_loss", "val_accuracy", "learning_rate"):
        values = [[row[name] for row in rows] for rows in logs]
        np.testing.assert_allclose(*values, rtol=2e-3, err_msg=name)
    whole, cut = (keras.saving.load_model(folder / "last.keras") for folder in (whole, cut))
    for a, b in zip(whole.get_weights(), cut.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=1e-3)


def test_a_killed_process_goes_on_as_if_nothing_had_been(annotations, csv, whole_run, tmp_path, capsys):
    """A real kill, in the middle of an epoch, in a process of its own."""
    program = f"""
import os, signal, sys
from pathlib import Path
import keras
import tensorflow as tf
import keras_action
from keras_action.data import read_annotations
from tests import tiny
import pytest

class Die(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == 2 and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

tf.config.run_functions_eagerly(True)
tiny.register(pytest.MonkeyPatch())
clips, recipe = read_annotations({str(csv)!r}), tiny.recipe(**{WHOLE!r})
keras_action.train(recipe, clips, clips, {str(tmp_path / "run")!r}, tensorboard=False, callbacks=[Die()])
"""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(losses(tmp_path / "run")) == 2
    keras_action.train(tiny.recipe(**WHOLE), annotations, annotations, tmp_path / "run", tensorboard=False)
    assert "Resuming after epoch 2 of 3" in capsys.readouterr().out
    check_same_run(whole_run.folder, tmp_path / "run")


class Accuracies(keras.callbacks.Callback):
    """Says how good each epoch is, and notes its loss and its weights, of several runs after one another."""

    def __init__(self, values):
        super().__init__()
        self.values = values
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] = self.values[epoch]
        self.seen.append((epoch, logs["loss"], self.model.get_weights()))


def check_best(folder, weights):
    for best, expected in zip(keras_action.load_run(folder).load_model().get_weights(), weights, strict=True):
        np.testing.assert_array_equal(best, expected)


def test_the_best_epoch_stays_the_best_where_it_lies_before_a_kill(annotations, tmp_path):
    folder, accuracies = tmp_path / "run", Accuracies([0.5, 0.9, 0.7])
    arguments = (small(), annotations, annotations, folder)
    with pytest.raises(KeyboardInterrupt):
        keras_action.train(*arguments, tensorboard=False, callbacks=[accuracies, Kill(2)])
    keras_action.train(*arguments, tensorboard=False, callbacks=[accuracies])
    assert [row["val_accuracy"] for row in read_log(folder)] == [0.5, 0.9, 0.7]
    assert [epoch for epoch, _, _ in accuracies.seen] == [0, 1, 2]
    check_best(folder, accuracies.seen[1][2])


def test_a_kill_between_the_best_and_the_last_file_repeats_the_epoch(annotations, tmp_path, monkeypatch):
    folder, accuracies, save = tmp_path / "run", Accuracies([0.5, 0.9, 0.7]), Checkpoints._save

    def die(self, name, epochs=None):
        if epochs == 2:
            raise KeyboardInterrupt
        save(self, name, epochs)

    arguments = (small(), annotations, annotations, folder)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Checkpoints, "_save", die)
        keras_action.train(*arguments, tensorboard=False, callbacks=[accuracies])
    check_best(folder, accuracies.seen[1][2])  # it is an epoch ahead of last.keras
    assert finished_epochs(folder) == 1
    keras_action.train(*arguments, tensorboard=False, callbacks=[accuracies])
    assert [epoch for epoch, _, _ in accuracies.seen] == [0, 1, 1, 2]
    (_, first, _), (_, again, weights) = accuracies.seen[1:3]
    np.testing.assert_allclose(again, first, rtol=2e-3)
    check_best(folder, weights)
    assert [row["val_accuracy"] for row in read_log(folder)] == [0.5, 0.9, 0.7]


def test_a_finished_run_is_not_trained_again(annotations, finished):
    before = (finished / "log.csv").read_text()
    keras_action.train(small(epochs=1), annotations, None, finished, tensorboard=False)
    assert (finished / "log.csv").read_text() == before


def test_another_recipe_in_the_same_folder_is_an_error(annotations, finished):
    with pytest.raises(ValueError, match=r"contains another run.*Received: learning_rate=0.5, before 0.02"):
        keras_action.train(small(epochs=1, learning_rate=0.5), annotations, None, finished)


def test_other_clips_in_the_same_folder_are_an_error(annotations, finished):
    fewer = type(annotations)(annotations.clips[:-1], annotations.labels)
    with pytest.raises(ValueError, match=r"training_set='11 clips, .*before '12 clips"):
        keras_action.train(small(epochs=1), fewer, None, finished, tensorboard=False)
    with pytest.raises(ValueError, match=r"Received: validation_set='11 clips, .*before None"):
        keras_action.train(small(epochs=1), annotations, fewer, finished, tensorboard=False)


def test_a_run_that_never_began_does_not_lock_its_folder(annotations, tmp_path):
    with pytest.raises(FileNotFoundError):
        keras_action.train(small(weights="tpyo.npz"), annotations, None, tmp_path / "run")
    keras_action.train(small(epochs=1), annotations, None, tmp_path / "run", tensorboard=False)


def test_one_class_is_an_error(annotations, tmp_path):
    one = type(annotations)(annotations.clips[::2], ("bright",))
    with pytest.raises(ValueError, match="at least two classes"):
        keras_action.train(tiny.recipe(), one, None, tmp_path / "run")


def test_broken_files_are_named_once_and_counted(tmp_path, monkeypatch, capsys):
    tiny.register(monkeypatch)
    annotations = read_annotations(tiny.write_videos(tmp_path, per_class=8, broken=(3,)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        recipe = small(epochs=1)
        run = keras_action.train(recipe, annotations, annotations, tmp_path / "run", tensorboard=False)
    named = [w for w in caught if "A clip is left out" in str(w.message) and "dark_3.mp4" in str(w.message)]
    assert len(named) == 2  # once in training, once in validation
    out = capsys.readouterr().out
    assert "In the training set, 1 of 16 clips could not be decoded" in out
    assert np.isfinite(losses(run.folder)).all()


def test_too_many_broken_files_stop_the_run(tmp_path, monkeypatch):
    tiny.register(monkeypatch)
    annotations = read_annotations(tiny.write_videos(tmp_path, per_class=8, broken=(1, 3, 5)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TooManyFailuresError, match="More than 10% of 16 clips"):
            keras_action.train(small(), annotations, annotations, tmp_path / "run", tensorboard=False)


def test_a_diverging_run_stops(annotations, tmp_path):
    class Spoil(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            kernel = self.model.get_layer("classifier").kernel
            kernel.assign(np.full(kernel.shape, np.nan, "float32"))

    with pytest.raises(FloatingPointError, match=r"step 1 of epoch 1: .*Received: loss=nan, with the clips\n") as error:
        keras_action.train(small(), annotations, annotations, tmp_path / "run", tensorboard=False, callbacks=[Spoil()])
    first = next(iter(training_batches(small(), annotations)))[1].numpy().argmax(1)
    named = [
        annotations.labels.index(line.rpartition("/")[2].partition("_")[0]) for line in str(error.value).split()[-4:]
    ]
    assert named == first.tolist()
    assert not (tmp_path / "run" / "last.keras").exists()


def test_a_finished_run_without_its_last_checkpoint_is_not_overwritten_by_another(annotations, tmp_path):
    folder = tmp_path / "run"
    keras_action.train(small(epochs=1), annotations, annotations, folder, tensorboard=False)
    (folder / "last.keras").unlink()
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    with pytest.raises(ValueError, match="contains another run"):
        keras_action.train(small(epochs=2), annotations, annotations, folder, tensorboard=False)
    assert {path.name: path.read_bytes() for path in folder.glob("*.*")} == before


def test_what_is_wrong_is_said_before_a_file_is_written(annotations, tmp_path):
    with pytest.raises(ValueError, match="segment"):
        keras_action.train(tiny.recipe(sampling="segment"), annotations, None, tmp_path / "run", tensorboard=False)
    assert not (tmp_path / "run" / "run.json").exists()


def test_the_checkpoint_of_something_else_is_refused(annotations, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(folder / "last.keras")
    with pytest.raises(
        ValueError, match=r"must be of that run\. Received: .*last\.keras, which was not written by a run"
    ):
        keras_action.train(tiny.recipe(), annotations, annotations, folder)
    assert [path.name for path in folder.iterdir()] == ["last.keras"]


def test_mixed_precision_trains_and_is_not_left_on(annotations, tmp_path):
    recipe = tiny.recipe(mixed_precision="mixed_bfloat16", epochs=1)
    run = keras_action.train(recipe, annotations, annotations, tmp_path / "run", tensorboard=False)
    assert run.load_model().get_layer("branch").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_labels_of_training_and_validation_must_agree(annotations, tmp_path):
    other = type(annotations)(annotations.clips, ("dark", "bright"))
    with pytest.raises(ValueError, match="must have the same labels"):
        keras_action.train(tiny.recipe(), annotations, other, tmp_path / "run")


@pytest.mark.parametrize("size", [0, 1000])
def test_a_cut_checkpoint_is_named_as_damaged(tmp_path, size):
    """Keras says "File not found" of it."""
    folder = tmp_path / "run"
    folder.mkdir()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for name in ("best.keras", "last.keras"):
        model.save(folder / name)
    write_run(folder, Recipe(weights=None), ("a", "b"), 1.0)
    whole = (folder / "best.keras").read_bytes()
    (folder / "best.keras").write_bytes(whole[:size])
    for load in (lambda: keras_action.load_run(folder).load_model(), lambda: keras_action.load_model(folder)):
        with pytest.raises(
            ValueError, match=r"best\.keras: .* damaged or truncated\. Copy it again, or use last\.keras in"
        ):
            load()
    (folder / "last.keras").write_bytes(whole[:size])
    with pytest.raises(ValueError, match=r"last\.keras: .* damaged .* or delete it to train from the beginning"):
        finished_epochs(folder)


def test_no_clip_can_be_read(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.mp4").write_text("this is no video")
    clips = tuple(Clip(str(tmp_path / f"{i}.mp4"), "ab"[i % 2]) for i in range(5))
    with pytest.raises(ValueError, match=r"None of the 5 clips can be read\. The first reasons:") as error:
        median_clip_seconds(Annotations(clips, ("a", "b")))
    _, *reasons = str(error.value).splitlines()
    assert len(reasons) == 3 and all(f"{i}.mp4: " in reason for i, reason in enumerate(reasons))


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"recipe": {"epoch": 3}})])
def test_a_damaged_description_is_an_error(content, tmp_path):
    (tmp_path / "run.json").write_text(content)
    (tmp_path / "best.keras").write_text("")
    with pytest.raises(ValueError, match="not the description of a training run"):
        keras_action.load_run(tmp_path)


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds run.json"):
        keras_action.load_run(tmp_path)


def test_frame_folders_are_trained_on_and_say_how_long_they_are(tmp_path, monkeypatch):
    tiny.register(monkeypatch)
    rng = np.random.default_rng(0)
    clips = []
    for i in range(8):
        folder = tmp_path / f"clip{i}"
        folder.mkdir()
        for frame in range(6):
            picture = rng.integers(0, 256, (32, 40, 3)).astype("uint8")
            keras.utils.save_img(folder / f"{frame + 1:05}.jpg", picture)
        clips.append(Clip(str(folder), ("bright", "dark")[i % 2], fps=12))
    annotations = Annotations(tuple(clips), ("bright", "dark"))
    assert median_clip_seconds(annotations) == 0.5
    part = Annotations((dataclasses.replace(clips[0], frames=(1, 4)),), ("bright",))
    assert median_clip_seconds(part) == 0.25
    unknown = Annotations(tuple(dataclasses.replace(clip, fps=None) for clip in clips), ("bright", "dark"))
    run = keras_action.train(small(epochs=1), unknown, unknown, tmp_path / "run", tensorboard=False)
    assert run.clip_seconds is None
    assert keras_action.load_run(tmp_path / "run").clip_seconds is None
    assert digest(annotations) != digest(Annotations((part.clips[0], *clips[1:]), ("bright", "dark")))


@pytest.mark.graph
def test_batches_are_as_the_recipe_says(annotations):
    def batches(**fields):
        taken = training_batches(tiny.recipe(**fields), annotations).take(3).as_numpy_iterator()
        return [labels for _, labels in taken]

    plain = batches()

    def swapped(**fields):
        return sum((a != b).any(1).sum() for a, b in zip(plain, batches(**fields), strict=True))

    for labels in plain:
        assert labels.shape == (4, 2) and labels.dtype == "float32" and set(labels.ravel()) == {0, 1}
    # No label changes.
    assert swapped(rand_augment_ops=1, color_jitter=0.5, sampling="dense", flip=True, flip_pairs=[]) == 0
    assert 0 < swapped(flip=True, flip_pairs=["bright:dark"]) < 12
    assert 0 < swapped(reversal=True, reversal_pairs=["bright:dark"]) < 12
    assert any(0 < value < 1 for labels in batches(mixup_alpha=1.0, cutmix_alpha=1.0) for value in labels.ravel())
    for fields in ({"flip": True}, {"reversal": True}):
        with pytest.raises(ValueError, match="Give the pairs"):
            batches(**fields)  # nothing is known of "bright" and "dark"


SLOW_GRAPH = [pytest.mark.slow, pytest.mark.graph]
FLOAT16 = {"mixed_precision": "mixed_float16"}
MIXED = {"mixup_alpha": 0.2, "cutmix_alpha": 1.0, "flip": True, "flip_pairs": ["bright:dark"], "rand_augment_ops": 1}
PARTS = {"gradient_accumulation_steps": 2, "ema_momentum": 0.5, "partial_batch_norm": True}
# The first normalisation is the stem's, so that those inside ACTION do not learn, of which a file says nothing.
FROZEN_NORMS = {"backbone": "tiny_norm", "partial_batch_norm": True, "adapt_batch_norm": 2}
STEPS = {"optimizer": "sgd", "schedule": "steps", "decay_epochs": (2,)}
PHASES = {**FROZEN_NORMS, **STEPS, "ema_momentum": 0.9, "frozen_epochs": 1}


@pytest.mark.parametrize(
    ("fields", "kill_at"),
    [
        pytest.param(FLOAT16, 1, id="float16", marks=SLOW_GRAPH),
        pytest.param(MIXED, 2, id="mixed", marks=SLOW_GRAPH),
        pytest.param(PHASES, 1, id="phases-1"),
        pytest.param(PHASES, 2, id="phases-2", marks=SLOW_GRAPH),
        pytest.param(PARTS, 1, id="parts", marks=SLOW_GRAPH),
        pytest.param({**FROZEN_NORMS, "frozen_epochs": 1, "ema_momentum": 0.9}, 2, id="norms", marks=SLOW_GRAPH),
        pytest.param({**FROZEN_NORMS, "frozen_epochs": 2}, 1, id="norms-frozen", marks=SLOW_GRAPH),
        pytest.param(
            {**FROZEN_NORMS, "optimizer": "sgd", **FLOAT16},
            2,
            id="norms-16",
            marks=SLOW_GRAPH,
        ),
    ],
)
def test_a_run_of_any_recipe_goes_on_as_if_nothing_had_been(annotations, tmp_path, fields, kill_at):
    recipe = tiny.recipe(**fields)
    settings = {"validation": annotations, "tensorboard": False}
    copy = Copy(kill_at, tmp_path / "whole", tmp_path / "cut")
    keras_action.train(recipe, annotations, folder=tmp_path / "whole", callbacks=[copy], **settings)
    assert len(losses(tmp_path / "cut")) == kill_at
    keras_action.train(recipe, annotations, folder=tmp_path / "cut", **settings)
    logs = [read_log(tmp_path / name) for name in ("whole", "cut")]
    for name in ("loss", "val_loss", "learning_rate"):
        values = [[row[name] for row in rows] for rows in logs]
        np.testing.assert_allclose(*values, rtol=2e-2 if recipe.mixed_precision else 2e-3, err_msg=name)


def best_weights(folder):
    model = keras_action.load_run(folder).load_model()
    return {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}


def test_the_best_is_the_average(annotations, tmp_path):
    first = {}

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:
                first.update({v.path: np.array(v) for v in self.model.trainable_variables})

    recipe = small(epochs=1, ema_momentum=0.99, warmup_epochs=0)
    run = keras_action.train(recipe, annotations, annotations, tmp_path / "run", tensorboard=False, callbacks=[Look()])
    best = best_weights(run.folder)
    last = keras_action.load_run(tmp_path / "run" / "last.keras").load_model()
    for variable in last.trainable_weights:
        # The average begins with the weights after the first step, and after two more of 0.99 is still near to them.
        path, end = variable.path, keras.ops.convert_to_numpy(variable)
        np.testing.assert_allclose(best[path], first[path], atol=0.1 * np.abs(end - first[path]).max() + 1e-6)
    assert any((best[v.path] != keras.ops.convert_to_numpy(v)).any() for v in last.trainable_weights)


def test_partial_batch_norm(annotations, tmp_path):
    recipe = tiny.recipe(epochs=1, partial_batch_norm=True)
    keras_action.train(recipe, annotations, None, tmp_path / "run", tensorboard=False)
    first = {variable.path: np.array(variable) for variable in build_first(recipe).weights}
    norms = {path: value for path, value in best_weights(tmp_path / "run").items() if "moving" in path}
    changed = {path.rpartition("/")[0] for path, value in norms.items() if (value != first[path]).any()}
    assert len(changed) == 1 and len(norms) > 2


def test_adapted_batch_norm(annotations, tmp_path):
    recipe = tiny.recipe(epochs=1, partial_batch_norm=True, adapt_batch_norm=2)
    keras_action.train(recipe, annotations, None, tmp_path / "run", tensorboard=False)
    first = {variable.path: np.array(variable) for variable in build_first(recipe).weights}
    norms = {path: value for path, value in best_weights(tmp_path / "run").items() if "moving" in path}
    assert all((value != first[path]).any() for path, value in norms.items())


class Forget(keras.callbacks.Callback):
    """At the end the model has the same answer to everything."""

    def on_train_end(self, logs=None):
        classifier = self.model.get_layer("classifier")
        classifier.set_weights([np.zeros_like(weight) for weight in classifier.get_weights()])


def test_a_model_that_learned_nothing_is_a_warning(annotations, tmp_path):
    recipe = small(epochs=1)
    with pytest.warns(UserWarning, match="hardly anything: of 16 clips .*Train again with another seed"):
        keras_action.train(recipe, annotations, None, tmp_path / "run", tensorboard=False, callbacks=[Forget()])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The model has learned")
        keras_action.train(small(epochs=8), annotations, None, tmp_path / "learned", tensorboard=False)


def test_accumulated_parts_are_one_update(annotations, tmp_path):
    counts = []

    class Count(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            counts.append((self.params["steps"], int(self.model.optimizer.iterations)))

    recipe = small(epochs=1, gradient_accumulation_steps=2)
    keras_action.train(recipe, annotations, None, tmp_path / "run", tensorboard=False, callbacks=[Count()])
    assert counts == [(6, 3)]  # 12 clips: six times two, three times four


def test_linear_rule():
    recipe = Recipe(learning_rate=0.01, reference_batch_size=64, batch_size=16)
    assert recipe.peak_learning_rate == pytest.approx(0.0025)
    assert Recipe(learning_rate=0.01, batch_size=16).peak_learning_rate == 0.01


def test_schedules():
    recipe = Recipe(epochs=10, schedule="steps", decay_epochs=(4, 8), learning_rate=1.0, warmup_epochs=0.5)
    rates = [float(make_schedule(recipe, steps=10)(step)) for step in (0, 2, 5, 39, 40, 79, 80, 99)]
    np.testing.assert_allclose(rates, [0, 0.4, 1, 1, 0.1, 0.1, 0.01, 0.01], rtol=1e-5)
    rates = [float(make_schedule(Recipe(epochs=3, learning_rate=1.0), steps=10)(step)) for step in (0, 5, 10, 20, 30)]
    np.testing.assert_allclose(rates, [0, 0.5, 1, 0.5, 0], atol=1e-5)


# test_stream_windows.py has the cases; whole_run's clips are no windows.
@pytest.mark.parametrize(
    ("second", "expected"), [((0.2, 0.8), True), pytest.param((0.6, 1.0), False, marks=pytest.mark.slow)]
)
def test_a_run_tells_whether_its_clips_are_windows_of_streams(second, expected, annotations, tmp_path):
    parts = [
        dataclasses.replace(clip, start=start, end=end)
        for clip in annotations.clips
        for start, end in ((0.0, 0.6), second)
    ]
    clips = Annotations(tuple(parts), annotations.labels)
    run = keras_action.train(small(epochs=1), clips, None, tmp_path / "run", tensorboard=False)
    assert run.trained_on_streams is expected
    assert keras_action.load_model(run.folder).trained_on_streams is expected


# === Streams ===


@pytest.fixture
def streams(tmp_path):
    """Clips of a gesture, "bright", and of the background, "none"."""
    clips = read_annotations(tiny.write_videos(tmp_path, per_class=4))
    named = tuple(dataclasses.replace(clip, label="none" if clip.label == "dark" else "bright") for clip in clips.clips)
    return Annotations(named, ("bright", "none"))


def test_a_model_learns_the_steps_of_streams_and_resumes(streams, monkeypatch, tmp_path):
    tiny.register(monkeypatch)
    recipe = tiny.recipe(causal=True, memory=4, return_sequences=True, num_segments=8, time_step=0.25, epochs=2)
    copy = Copy(1, tmp_path / "run", tmp_path / "stopped")
    run = keras_action.train(recipe, streams, streams, tmp_path / "run", tensorboard=False, callbacks=[copy])
    model = run.load_model()
    assert model.output_shape == (None, 8, 2)
    assert run.clip_seconds == 8 * 0.25
    log = read_log(tmp_path / "run")
    assert log[-1]["val_loss"] < log[0]["val_loss"]
    assert 0 <= log[-1]["val_accuracy"] <= 1

    assert len(losses(tmp_path / "stopped")) == 1
    again = keras_action.train(recipe, streams, streams, tmp_path / "stopped", tensorboard=False)
    for one, other in zip(again.load_model().get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_model_that_learned_no_steps_is_a_warning(streams, monkeypatch, tmp_path):
    tiny.register(monkeypatch)
    recipe = tiny.recipe(causal=True, memory=4, return_sequences=True, num_segments=8, time_step=0.25, epochs=1)
    with pytest.warns(UserWarning, match="hardly anything: of .* steps of the training set"):
        keras_action.train(recipe, streams, None, tmp_path / "run", tensorboard=False, callbacks=[Forget()])


def test_validation_sequences_have_the_labels_of_late_ones(streams, monkeypatch):
    tiny.register(monkeypatch)
    recipe = tiny.recipe(causal=True, memory=4, return_sequences=True, num_segments=40, time_step=0.05, max_pause=0.5)
    late = recipe.replace(label_from=1.0, label_after=0.0, either_weight=0.25)
    batches = [
        next(validation_batches(kind, streams).as_numpy_iterator())
        for kind in (late, late.replace(early_sequences=100), late.replace(label_from=0.85))
    ]
    np.testing.assert_array_equal(batches[0][1], batches[1][1])
    assert (batches[0][1] != batches[2][1]).any()

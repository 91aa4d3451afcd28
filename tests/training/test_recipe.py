import dataclasses
import importlib
import json
import pkgutil

import numpy as np
import pytest

import training.recipes
from keras_action.data import Augmentation, Cropping, Reading
from keras_action.training.recipe import Recipe
from tests import tiny
from training.recipes import load_recipe


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("epochs=3", "epochs", 3),
        ("learning_rate=1e-2", "learning_rate", 0.01),
        ("weights=none", "weights", None),
        ("shift=none", "shift", None),
        ("cache=1000000", "cache", 1000000),
        ("weights=a=b.npz", "weights", "a=b.npz"),
        ("cache=true", "cache", True),
        ("crop_scales=1,0.875", "crop_scales", (1.0, 0.875)),
        ("flip_pairs=a:b,c:c", "flip_pairs", ("a:b", "c:c")),
        ("flip_pairs=", "flip_pairs", ()),
        ("flip_pairs=none", "flip_pairs", None),
        ("mixed_precision=mixed_float16", "mixed_precision", "mixed_float16"),
    ],
)
def test_override_from_text(text, field, value):
    assert Recipe().override([text]).to_dict()[field] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch=3", "Did you mean 'epochs'"),
        ("colour_jitter=1", "Did you mean 'color_jitter'"),
        ("augmentation.flip=true", "no field 'augmentation.flip'"),
        ("epochs", "must be `field=value`"),
        ("epochs=three", "`epochs` must be of type int"),
        ("epochs=0", "`epochs` must be above 0"),
        ("cache=yes", "`cache` must be of type bool or int"),
        ("stages=two", "`stages` must be of type tuple"),
        ("dropout=1.5", "from 0 to 1"),
        ("mixup_alpha=-1", "`mixup_alpha` must be 0 or more"),
        ("reversal_pairs=up,down", "`reversal_pairs` must be pairs of labels"),
        ("model=slowfast", "`model` must be one of"),
        ("model=action", "Did you mean 'action_net'"),
        ("backbone=resnet_50", "Did you mean 'resnet50'"),
        ("variant=torch", "`variant` of 'mobilenet_v2' must be one of"),
        ("sampling=segmnts", "Did you mean 'segments'"),
        ("paths=stee", "`paths` must be one of .* Did you mean 'ste'"),
        ("paths=", "`paths` must be one or more"),
        ("shift=learned", "Did you mean 'learnable'"),
        ("mixed_precision=fp16", "`mixed_precision` must be one of .*'mixed_float16'"),
        ("location=9", "`location` must be one of"),
        ("stages=2,7", "`stages` must be stages from 1 to 5"),
        ("crop_scales=2", "`crop_scales` must be above 0 and at most 1"),
        ("crop_scales=", "`crop_scales` must have at least one"),
        ("decoder=ffmpeg", "`decoder` must be one of"),
    ],
)
def test_bad_override(text, message):
    with pytest.raises(ValueError, match=message):
        Recipe().override([text])


def test_numbers_of_numpy_become_those_of_python():
    recipe = Recipe().replace(
        stages=np.arange(3, 5), learning_rate=np.float32(0.5), crop_scales=(np.float64(1), 0.5), epochs=np.int64(3)
    )
    crop_scales = recipe.cropping.crop_scales
    assert (recipe.stages, recipe.learning_rate, crop_scales, recipe.epochs) == ((3, 4), 0.5, (1.0, 0.5), 3)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert Recipe(stages=3).stages == (3,)


def test_replace_reaches_the_grouped_fields():
    recipe = Recipe().replace(augmentation=Augmentation(flip=True), mixup_alpha=0.2, short_side=256, epochs=3)
    assert recipe.augmentation == Augmentation(flip=True, mixup_alpha=0.2)
    assert (recipe.cropping.short_side, recipe.epochs, recipe.reading) == (256, 3, Reading())
    values = recipe.to_dict()
    assert (values["mixup_alpha"], values["short_side"], values["decoder"]) == (0.2, 256, "pyav")
    with pytest.raises(ValueError, match=r"no field 'flips'\. Did you mean 'flip'"):
        recipe.replace(flips=True)


def test_a_misspelt_field_is_an_error():
    with pytest.raises(TypeError):
        Recipe(epoch=3)
    with pytest.raises(ValueError, match=r"no field 'epoch'\. Did you mean 'epochs'"):
        Recipe.from_dict({"epoch": 3})
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(training.recipes.__path__)])
def test_every_recipe_survives_json(name):
    module = importlib.import_module(f"training.recipes.{name}")
    assert "keras-action train" in module.__doc__ or "make " in module.__doc__
    for make in (module.recipe, getattr(module, "paper", None), getattr(module, "reference_code", None)):
        if make is not None:
            recipe = make()
            assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("name", "epochs", "steps", "reference_epochs", "reference_steps"),
    [
        ("something_something", 50, (30, 40, 45), 50, (31, 41, 46)),
        ("jester", 30, (10, 20, 25), 25, (6, 11, 16)),
        ("egogesture", 25, (5, 10, 15), 20, (6, 11, 16)),
    ],
)
def test_the_papers_recipes(name, epochs, steps, reference_epochs, reference_steps):
    paper, released = load_recipe(name), load_recipe(f"{name}:reference_code")
    assert paper == load_recipe(f"{name}:paper") != released
    assert (paper.batch_size, paper.peak_learning_rate) == (64, 0.01)
    assert (paper.epochs, paper.decay_epochs, paper.decay_factor) == (epochs, steps, 0.1)
    assert (paper.optimizer, paper.momentum, paper.weight_decay, paper.weights) == ("sgd", 0.9, 5e-4, "imagenet")
    assert (paper.sampling, paper.cropping, paper.augmentation) == ("segments", Cropping(), Augmentation())
    assert (released.epochs, released.decay_epochs) == (reference_epochs, reference_steps)
    long = load_recipe(name, ["num_segments=16"])
    assert (long.num_segments, long.batch_size, long.peak_learning_rate) == (16, 48, 0.01)
    small = load_recipe(name, ["batch_size=16", "backbone=mobilenet_v2"])
    assert (small.backbone, small.peak_learning_rate) == ("mobilenet_v2", pytest.approx(0.0025))
    assert load_recipe(name, ["num_segments=16", "batch_size=96"]).peak_learning_rate == pytest.approx(0.02)
    assert released.sampling == "reference" and released.cropping.crop_to_aspect_ratio == (name != "egogesture")


@pytest.mark.parametrize(("num_clips", "batch_size"), [(6, 6), (7, 7), (30, 8), (80, 8), (186, 8), (499, 8)])
def test_few_clips_make_smaller_batches_and_more_epochs(num_clips, batch_size):
    recipe = load_recipe("few_clips", num_clips=num_clips)
    assert recipe.batch_size == batch_size
    fewer = load_recipe("few_clips", num_clips=num_clips - 1)
    assert fewer.epochs >= recipe.epochs
    assert load_recipe("few_clips", ["epochs=3", "weights=none"], num_clips=num_clips).epochs == 3
    assert load_recipe("small", num_clips=num_clips) == load_recipe("small")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("egogestures", "The recipes are .*egogesture, few_clips, jester, .*Received: egogestures"),
        ("egogesture:code", r"egogesture must have a function code\(\)\. .*with paper, recipe, reference_code"),
        ("small:Recipe", r"small must have a function Recipe\(\)"),
    ],
)
def test_unknown_recipes(name, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(name)


RECIPE_FILE = """
import dataclasses
from keras_action import Recipe

def recipe():
    return Recipe(epochs=7)

def large(num_segments=16):
    return dataclasses.replace(recipe(), num_segments=num_segments, batch_size=3 * num_segments)

def nothing():
    pass
"""


def test_a_recipe_of_a_file(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(RECIPE_FILE)
    assert load_recipe(str(tmp_path / "mine.py"), ["dropout=0.1"]) == Recipe(epochs=7, dropout=0.1)
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("mine.py:large", ["num_segments=4"])
    assert (recipe.epochs, recipe.num_segments, recipe.batch_size) == (7, 4, 12)
    tiny.register(monkeypatch)
    assert load_recipe(f"{tiny.__file__}:recipe") == tiny.recipe()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("missing.py", FileNotFoundError, r"missing\.py"),
        ("broken.py", ImportError, r"broken\.py can't be run\. SyntaxError: .*line 1"),
        ("failing.py:recipe", ImportError, r"failing\.py can't be run\. ModuleNotFoundError: .*'not_installed'"),
        ("mine.py:small", ValueError, r"mine\.py must have a function small\(\)\. .*with recipe, large, nothing"),
        ("empty.py", ValueError, r"empty\.py must have a function recipe\(\)\. .*with none"),
        ("mine.py:nothing", ValueError, r"nothing\(\) of mine\.py must return a keras_action\.Recipe\. Received: None"),
    ],
)
def test_bad_recipe_files(name, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, text in (("mine", RECIPE_FILE), ("broken", "def"), ("failing", "import not_installed"), ("empty", "")):
        (tmp_path / f"{file}.py").write_text(text)
    with pytest.raises(error, match=message):
        load_recipe(name)


@pytest.mark.parametrize("fields", [{"memory": 8}, {"return_sequences": True}])
def test_streams_need_a_causal_model(fields):
    with pytest.raises(ValueError, match="they need `causal=True`"):
        Recipe(**fields)
    assert Recipe(causal=True, **fields).replace(time_step=0.1).sequences.time_step == 0.1

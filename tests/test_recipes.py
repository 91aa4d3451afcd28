import dataclasses
import importlib
import pkgutil

import pytest

import training.recipes
from keras_action.recipes import Recipe


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("epochs=3", "epochs", 3),
        ("learning_rate=1e-2", "learning_rate", 0.01),
        ("weights=none", "weights", None),
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
    assert getattr(Recipe().override([text]), field) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch=3", "Did you mean 'epochs'"),
        ("epochs", "must be `field=value`"),
        ("epochs=three", "`epochs` must be of type int"),
        ("epochs=0", "`epochs` must be above 0"),
        ("cache=yes", "`cache` must be of type bool"),
        ("dropout=1.5", "from 0 to 1"),
        ("mix_up=-1", "`mix_up` must be 0 or more"),
        ("reversal_pairs=up,down", "`reversal_pairs` must be names with a colon"),
        ("model=slowfast", "`model` must be one of"),
    ],
)
def test_bad_override(text, message):
    with pytest.raises(ValueError, match=message):
        Recipe().override([text])


def test_a_misspelt_field_is_an_error():
    with pytest.raises(TypeError):
        Recipe(epoch=3)
    with pytest.raises(ValueError, match="no such fields: \\['epoch'\\]"):
        Recipe.from_dict({"epoch": 3})
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().epochs = 3


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(training.recipes.__path__)])
def test_every_recipe_survives_json(name):
    module = importlib.import_module(f"training.recipes.{name}")
    assert "python -m" in module.__doc__ or "make " in module.__doc__
    recipe = module.recipe()
    assert Recipe.from_dict(recipe.to_dict()) == recipe

"""Training: recipes, and runs that resume."""

from keras_action.training.build import build_model
from keras_action.training.fit import train
from keras_action.training.fused_batch_norm import use_fused_batch_norm
from keras_action.training.model_files import ModelFile, load_model
from keras_action.training.recipe import Recipe
from keras_action.training.run import Run, load_run

__all__ = ["ModelFile", "Recipe", "Run", "build_model", "load_model", "load_run", "train", "use_fused_batch_norm"]

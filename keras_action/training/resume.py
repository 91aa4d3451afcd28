"""Reading `last.keras`: what training goes on with, and the average of the weights."""

import warnings

from keras_action.training.build import compile_model, precision
from keras_action.training.callbacks import finished_epochs
from keras_action.training.run import LAST


def restore(model, path):
    """Reads the weights and the optimiser's state of a file into a model.

    A file does not tell which layers inside ACTION's learn, so that Keras makes an optimiser of other variables where
    it compiles the file's model by itself, and passes over the state with a warning. Here that is an error.

    Args:
        model: The model, compiled as the one in the file was.
        path: A `.keras` file.

    Raises:
        ValueError: where the optimiser in the file has other variables than the model's.
    """
    model.optimizer.build(model.trainable_variables)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading for optimizer")
        try:
            model.load_weights(path)
        except ValueError as error:
            raise ValueError(
                "The weights and the optimiser's state in a file must be those of the model that goes on. "
                f"Received: {path}, of which Keras says: {error}"
            ) from error


def load_average(run):
    """The model of a run's `last.keras` with the average of the weights in place of the weights.

    The average begins after the frozen epochs. `best.keras` has it as its weights already.

    Args:
        run: The `Run`, its checkpoint being `last.keras`.

    Raises:
        ValueError: where there is no average in the file.

    Example:

    >>> model = load_average(keras_action.load_run("runs/mine/last.keras"))
    """
    recipe = run.recipe
    averaged = max(0, finished_epochs(run.folder) - recipe.frozen_epochs) if recipe.ema_momentum else 0
    if run.checkpoint.name != LAST or not averaged:
        raise ValueError(
            f"The average of the weights is in the {LAST} of a run whose recipe has `ema_momentum`, after the frozen "
            f"epochs. Received: {run.checkpoint}, with "
            f"ema_momentum={recipe.ema_momentum} and {averaged} epochs since then"
        )
    with precision(recipe):
        model = run.load_model()
    compile_model(model, recipe, steps=1, frozen=False)  # the steps matter to the schedule alone
    restore(model, run.checkpoint)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model

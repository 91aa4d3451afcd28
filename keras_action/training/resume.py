"""Loading `last.keras`: the training state, and the moving average of the weights."""

import warnings

from keras_action.training.build import compile_model, precision
from keras_action.training.callbacks import finished_epochs
from keras_action.training.run import LAST


def restore(model, path):
    """Loads the weights and the optimiser's state of a file into a model.

    Keras only warns if the optimiser in the file has other variables, and ignores its state. Here it is an error.

    Args:
        model: The model, compiled as the one in the file was.
        path: A `.keras` file.

    Raises:
        ValueError: If the optimiser in the file has other variables than the model's.
    """
    model.optimizer.build(model.trainable_variables)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping variable loading for optimizer")
        try:
            model.load_weights(path)
        except ValueError as error:
            raise ValueError(
                "The weights and the optimiser's state in the file must be those of the resumed model. "
                f"Received: {path}: {error}"
            ) from error


def load_average(run):
    """The model of a run's `last.keras` with the moving average of the weights in place of the weights.

    The average begins after the frozen epochs. `best.keras` contains the average already.

    Args:
        run: A `Run` whose checkpoint is `last.keras`.

    Returns:
        A Keras model.

    Raises:
        ValueError: If there is no average in the file.

    Example:

    >>> model = load_average(keras_action.load_run("runs/mine/last.keras"))
    """
    recipe = run.recipe
    averaged = max(0, finished_epochs(run.folder) - recipe.frozen_epochs) if recipe.ema_momentum else 0
    if run.checkpoint.name != LAST or not averaged:
        raise ValueError(
            f"Only the {LAST} of a run with `ema_momentum` has an average of the weights, after the frozen epochs. "
            f"Received: {run.checkpoint}, with ema_momentum={recipe.ema_momentum} and {averaged} epochs since then"
        )
    with precision(recipe):
        model = run.load_model()
    compile_model(model, recipe, steps=1, frozen=False)  # only the schedule depends on the steps
    restore(model, run.checkpoint)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model

"""The settings of the studio's trainings: the one place that chooses them."""

MIN_TAKES = 4  # of each gesture
VALIDATION_SHARE = 0.25


def choose_recipe(num_takes):
    """The recipe for a number of training takes: the default of `keras-action train`.

    Args:
        num_takes: Number of the takes to train on.

    Returns:
        A `keras_action.Recipe`.
    """
    from keras_action.programs.training.recipes import default_recipe, load_recipe

    return load_recipe(default_recipe(num_takes), num_clips=num_takes)

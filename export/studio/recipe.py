"""The recipe of the studio's trainings."""

MIN_TAKES = 4  # of each gesture
VALIDATION_SHARE = 0.25


def choose_recipe(num_clips):
    """The recipe of the studio: `few_clips`, which starts from the motion weights, however many clips there are.

    The default of `keras-action train` for 500 clips and more needs a GPU and a download, and some dozens of takes
    with their windows are as many.

    Args:
        num_clips: Number of clips to train on: takes and windows.

    Returns:
        A `keras_action.Recipe`.
    """
    from keras_action.programs.training.recipes import load_recipe

    return load_recipe("few_clips", num_clips=num_clips)

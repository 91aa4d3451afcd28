"""The inputs and outputs of models, streaming models and LiteRT files."""

# The only signature of a LiteRT file.
SIGNATURE = "serving_default"
CLIP, FRAME, LOGITS = "clip", "frame", "logits"
# Prefix of the names of a streaming model's states, which are inputs and outputs alike.
STATE = "state_"


def is_state(name):
    """Whether an input or output is a state of a streaming model."""
    return name.startswith(STATE)


def clip_shape(model):
    """The shape `(T, H, W, 3)` of the clips that a model takes.

    Raises:
        ValueError: If it does not take clips `(B, T, H, W, 3)` with T, H and W known.
    """
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 5 or None in shape[1:] or shape[4] != 3:
        raise ValueError(
            "The model must take clips of shape (B, T, H, W, 3) with T, H and W known. "
            f"Received: model={model}, input_shape={shape}"
        )
    return shape[1:]


def returns_sequences(model):
    """Whether a model of clips was built with `return_sequences`: it returns the logits of each frame."""
    shape = getattr(model, "output_shape", None)
    return isinstance(shape, tuple) and len(shape) == 3

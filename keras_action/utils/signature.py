"""The inputs and outputs of models, streaming models and LiteRT files."""

# The only signature of a LiteRT file.
SIGNATURE = "serving_default"
CLIP, FRAME, LOGITS = "clip", "frame", "logits"
# Prefix of the names of a streaming model's states, which are inputs and outputs alike.
STATE = "state_"


def is_state(name):
    """Whether an input or output is a state of a streaming model."""
    return name.startswith(STATE)


def returns_sequences(model):
    """Whether a model of clips was built with `return_sequences`: it returns the logits of each frame."""
    shape = getattr(model, "output_shape", None)
    return isinstance(shape, tuple) and len(shape) == 3

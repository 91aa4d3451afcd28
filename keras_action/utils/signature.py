"""The names of the inputs and outputs of LiteRT files and streaming models."""

# The only signature of a LiteRT file.
SIGNATURE = "serving_default"
CLIP, FRAME, LOGITS = "clip", "frame", "logits"
# Prefix of the names of a streaming model's states, which are inputs and outputs alike.
STATE = "state_"


def is_state(name):
    """Whether an input or output is a state of a streaming model."""
    return name.startswith(STATE)

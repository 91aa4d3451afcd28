"""Passes through a model outside of its training steps."""

import contextlib

import keras


def forward(model, frames, training=False):
    """The outputs of a model for an array of frames, without gradients."""
    with _without_gradients():
        return model(keras.ops.convert_to_tensor(frames), training=training)


def _without_gradients():
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    return torch.no_grad()

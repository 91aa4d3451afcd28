"""The first training of a memory, on features that are computed once."""

import keras
import numpy as np

from keras_action.losses import CandidateAccuracy, CandidateCrossentropy
from keras_action.models.motion_weights import CLASSIFIER, MEMORY, POOL
from keras_action.training.forward import forward


def train_memory(model, batches, steps, epochs=6, learning_rate=1e-3, background_share=0.2, batch_size=16):
    """Trains the memory and the classifier of a model, with everything before them frozen.

    A new memory behind dozens of classes hardly begins to learn within a whole model: at first every step is the
    background. Here the features of some thousand seconds of streams are computed once, and the memory sees them often.

    Args:
        model: A model with `memory` and `return_sequences`. Its memory and its classifier change.
        batches: A dataset of `keras_action.data.sequence_dataset`.
        steps: Integer, the number of batches that are read.
        epochs: Integer, how often the memory sees them.
        learning_rate: That of AdamW.
        background_share: Factor of the weights of background steps, those whose weight is neither 0 nor 1.
        batch_size: Integer, sequences in a batch of features.

    Returns:
        The `keras.callbacks.History` of the training.
    """
    trunk = keras.Model(model.input, model.get_layer(POOL).output)
    features, targets, weights = [], [], []
    for frames, labels, weight in batches.take(steps).as_numpy_iterator():
        pooled = keras.ops.convert_to_numpy(forward(trunk, frames))
        features.append(pooled.reshape(*weight.shape, pooled.shape[-1]).astype(np.float16))
        targets.append(labels)
        weights.append(weight)
    weights = np.concatenate(weights)
    weights[weights < 1] *= background_share

    x = keras.Input(features[0].shape[1:])
    sequence = model.get_layer(MEMORY).gru(x)
    sequence = keras.layers.Dropout(model.get_layer("dropout").rate)(sequence)
    head = keras.Model(x, model.get_layer(CLASSIFIER)(sequence))
    head.compile(
        keras.optimizers.AdamW(learning_rate),
        CandidateCrossentropy(),
        weighted_metrics=[CandidateAccuracy()],
    )
    return head.fit(
        np.concatenate(features),
        np.concatenate(targets),
        sample_weight=weights,
        batch_size=batch_size,
        epochs=epochs,
        verbose=2,
    )

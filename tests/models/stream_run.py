"""A saved causal model frame by frame on the backend of this process: `stream_run.py MODEL FRAMES LOGITS`."""

import sys

import keras
import numpy as np

import keras_action


def main(model_path, frames_path, logits_path):
    stream = keras_action.streaming_model(keras.saving.load_model(model_path))
    frames, logits = np.load(frames_path), []
    states = keras_action.initial_states(stream, len(frames))
    for frame in frames.swapaxes(0, 1):
        outputs = stream.predict_on_batch({"frame": frame, **states})
        logits.append(outputs.pop("logits"))
        states = outputs
    np.save(logits_path, np.stack(logits, axis=1))


if __name__ == "__main__":
    main(*sys.argv[1:])

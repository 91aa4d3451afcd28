"""Run a LiteRT file of keras_action on frames, with NumPy and ai-edge-litert alone: copy this file to a device.

    pip install numpy ai-edge-litert
    python standalone.py gesture.tflite frames.npy

frames.npy contains RGB frames, uint8 (N, H, W, 3), of the file's input size, one per time step. A file of clips takes
the last T frames, a streaming file takes each frame and keeps its states. The most probable class of each is printed.
"""

import collections
import json
import sys
import zipfile

if __name__ == "__main__":
    # Before the imports of packages that may not be installed.
    if {"-h", "--help"} & set(sys.argv):
        print(__doc__.strip())
        sys.exit()
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Recognizer:
    """A LiteRT file, of clips or streaming, as a function of frames.

    Args:
        path: The `.tflite` file.
        num_threads: The number of threads.
    """

    def __init__(self, path, num_threads=2):
        # A zip archive follows the model: the names of the classes, and the time from one frame to the next.
        with zipfile.ZipFile(path) as archive:
            self.labels = archive.read("labels.txt").decode().splitlines()
            self.time_step = json.loads(archive.read("keras_action.json"))["time_step"]
        # The runner of the signature holds no reference to it.
        self._interpreter = Interpreter(model_path=str(path), num_threads=num_threads)
        self._run = self._interpreter.get_signature_runner("serving_default")
        self._inputs, outputs = self._run.get_input_details(), self._run.get_output_details()
        self._scale, self._zero_point = outputs["logits"]["quantization"]  # 0 of floats
        self._states = self._clip = None
        self.reset()

    def reset(self):
        """Forgets all frames."""
        if "frame" in self._inputs:
            # The zero point is the integer for zero; of floats it is 0.
            self._states = {
                name: np.full(details["shape"], details["quantization"][1], details["dtype"])
                for name, details in self._inputs.items()
                if name != "frame"
            }
        else:
            self._clip = collections.deque(maxlen=int(self._inputs["clip"]["shape"][1]))

    def __call__(self, frame):
        """The probabilities of the classes after a frame, uint8 `(H, W, 3)`; `None` until there is a clip."""
        if self._clip is None:
            frame = frame[None].astype(self._inputs["frame"]["dtype"])
            outputs = self._run(frame=frame, **self._states)
            self._states = {name: outputs[name] for name in self._states}
        else:
            self._clip.append(frame)
            if len(self._clip) < self._clip.maxlen:
                return None
            outputs = self._run(clip=np.stack(self._clip)[None].astype(self._inputs["clip"]["dtype"]))
        logits = outputs["logits"][0].astype("float32")
        if self._scale:
            logits = (logits - self._zero_point) * self._scale
        exponentials = np.exp(logits - logits.max())
        return exponentials / exponentials.sum()


def main(path, frames):
    recognizer = Recognizer(path)
    for number, frame in enumerate(np.load(frames)):
        probabilities = recognizer(frame)
        if probabilities is not None:
            best = int(probabilities.argmax())
            print(f"frame {number}: {recognizer.labels[best]} {probabilities[best]:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Runs LiteRT files with ai-edge-litert's `Interpreter`. TensorFlow is not needed."""

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.silence import silenced_output

# From this size in bytes, a state is copied within the interpreter's memory: one copy instead of two.
_LARGE_STATE = 32768


class Runtime:
    """A file that LiteRT's `Interpreter` runs.

    LiteRT's `CompiledModel` takes as long on a CPU, but holds Python's global lock while it runs, so that threads wait
    for each other (ai-edge-litert 2.3).

    Args:
        file: A `LiteRTFile` with the signature `serving_default`.
        num_threads: Number of threads.

    Raises:
        RuntimeError: If the file can't be prepared.
        ImportError: If ai-edge-litert is not installed.
    """

    def __init__(self, file, num_threads=1):
        interpreter_module = require("ai_edge_litert.interpreter")
        self._inputs, self._outputs = file.inputs, file.outputs
        try:
            with silenced_output():  # the delegate prints a message
                self._interpreter = interpreter_module.Interpreter(model_content=file.data, num_threads=num_threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise RuntimeError(f"{file.name}: LiteRT can't prepare this file: {error}") from error
        self._views = {
            name: tuple(self._interpreter.tensor(edge[name]) for edge in (self._inputs, self._outputs))
            for name, index in self._inputs.items()
            if name in self._outputs and file.tensor(index).num_bytes >= _LARGE_STATE
        }

    def write(self, name, values):
        """Sets an input."""
        self._interpreter.set_tensor(self._inputs[name], values)

    def run(self):
        """Computes the outputs from the inputs."""
        self._interpreter.invoke()

    def read(self, name):
        """A copy of an output."""
        return self._interpreter.get_tensor(self._outputs[name])

    def read_input(self, name):
        """A copy of an input."""
        return self._interpreter.get_tensor(self._inputs[name])

    def feed_back(self, names):
        """Makes outputs the inputs of the same names."""
        for name in names:
            if name in self._views:
                taken, given = self._views[name]
                np.copyto(taken(), given())
            else:
                self.write(name, self.read(name))

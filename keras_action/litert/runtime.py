"""Runs LiteRT files: with ai-edge-litert's `CompiledModel`, or with its `Interpreter`. TensorFlow is not needed."""

import ctypes
import functools
import os
from pathlib import Path

import numpy as np

from keras_action.litert.extras import require
from keras_action.litert.silence import silenced_output
from keras_action.utils.fields import check_choice
from keras_action.utils.signature import SIGNATURE

# Types of tensors that `CompiledModel` can read and write.
_COMPILED_TYPES = ("float32", "float16", "int32", "int8", "uint8", "bool")
# From this size in bytes, a state is copied within the interpreter's memory: one copy instead of two.
_LARGE_STATE = 32768


class CompiledRuntime:
    """A file that LiteRT's `CompiledModel` runs.

    Args:
        file: A `LiteRTFile` with the signature `serving_default`.
        num_threads: Number of threads.

    Raises:
        ImportError: If ai-edge-litert does not have it.
        RuntimeError: If it can't prepare the file.
        ValueError: If a tensor has a type that it can't pass, as the int16 states of an `"int16x8"` stream.
    """

    def __init__(self, file, num_threads=1):
        self._details = _details(file)
        others = {tensor.dtype for edge in self._details for tensor in edge.values()} - set(_COMPILED_TYPES)
        if others:
            raise ValueError(f"CompiledModel does not pass tensors of these types. Received: {sorted(others)}")
        module = require("ai_edge_litert.compiled_model")
        _open_standard_error_at_exit()
        with silenced_output():
            options = module.Options(cpu_options=module.CpuOptions(num_threads=num_threads))
            self._data = file.data  # the model may refer to it
            self._model = module.CompiledModel.from_buffer(self._data, environment=_environment(), options=options)
            inputs, outputs = self._details
            self._inputs = {name: self._model.create_input_buffer_by_name(SIGNATURE, name) for name in inputs}
            self._outputs = {name: self._model.create_output_buffer_by_name(SIGNATURE, name) for name in outputs}
            for name, tensor in inputs.items():
                self.write(name, tensor.zeros())
            _close_standard_error_at_exit()

    def write(self, name, values):
        """Sets an input."""
        self._inputs[name].write(values)

    def run(self):
        """Computes the outputs from the inputs."""
        self._model.run_by_name(SIGNATURE, self._inputs, self._outputs)

    def read(self, name):
        """A copy of an output."""
        return self._read(self._outputs[name], self._details[1][name])

    def read_input(self, name):
        """A copy of an input."""
        return self._read(self._inputs[name], self._details[0][name])

    def feed_back(self, names):
        """Makes outputs the inputs of the same names. The outputs can't be read until the next run."""
        for name in names:
            self._inputs[name], self._outputs[name] = self._outputs[name], self._inputs[name]

    @staticmethod
    def _read(buffer, tensor):
        return buffer.read(int(np.prod(tensor.shape)), np.dtype(tensor.dtype)).reshape(tensor.shape)


class InterpreterRuntime:
    """A file that LiteRT's `Interpreter` runs; the same methods as `CompiledRuntime`."""

    def __init__(self, file, num_threads=1):
        interpreter_module = require("ai_edge_litert.interpreter")
        self._inputs, self._outputs = file.inputs, file.outputs
        with silenced_output():  # the delegate prints a message
            self._interpreter = interpreter_module.Interpreter(model_content=file.data, num_threads=num_threads)
            self._interpreter.allocate_tensors()
        inputs, _ = _details(file)
        self._views = {
            name: tuple(self._interpreter.tensor(edge[name]) for edge in (self._inputs, self._outputs))
            for name, tensor in inputs.items()
            if name in self._outputs and tensor.num_bytes >= _LARGE_STATE
        }

    def write(self, name, values):
        self._interpreter.set_tensor(self._inputs[name], values)

    def run(self):
        self._interpreter.invoke()

    def read(self, name):
        return self._interpreter.get_tensor(self._outputs[name])

    def read_input(self, name):
        return self._interpreter.get_tensor(self._inputs[name])

    def feed_back(self, names):
        for name in names:
            if name in self._views:
                taken, given = self._views[name]
                np.copyto(taken(), given())
            else:
                self.write(name, self.read(name))


RUNTIMES = {"compiled": CompiledRuntime, "interpreter": InterpreterRuntime}


def open_runtime(file, num_threads=1, runtime=None):
    """Prepares a file to run.

    `CompiledModel` is the interface that LiteRT develops further, and its buffers pass states without a copy. Both
    runtimes give the same values.

    Args:
        file: A `LiteRTFile` with the signature `serving_default`.
        num_threads: Number of threads.
        runtime: `"compiled"`, `"interpreter"`, or `None` for the first if it can run the file, otherwise the second.

    Raises:
        RuntimeError: If the file can't be prepared.
        ValueError: If there is no such runtime.
        ImportError: If ai-edge-litert is not installed.
    """
    if runtime is None:
        try:
            return CompiledRuntime(file, num_threads)
        except Exception:  # in another version, on another machine, for another type
            runtime = "interpreter"
    check_choice("runtime", runtime, RUNTIMES)
    try:
        return RUNTIMES[runtime](file, num_threads)
    except (ValueError, RuntimeError) as error:
        raise RuntimeError(f"{file.name}: LiteRT can't prepare this file: {error}") from error


def _details(file):
    """The `TensorSummary` of each input, and of each output."""
    return tuple({name: file.tensor(index) for name, index in edge.items()} for edge in (file.inputs, file.outputs))


@functools.cache
def _environment():
    """LiteRT's environment, one for the process.

    LiteRT prints messages when an environment is destroyed, and its Python package cannot turn them off
    (google-ai-edge/LiteRT#7420). This one is never destroyed: it has a reference more than Python's own.
    """
    module = require("ai_edge_litert.environment")
    environment = module.Environment.create(runtime_path=str(Path(module.__file__).parent))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(environment))
    return environment


# LiteRT creates another environment at the first use of a buffer, and destroys it when the process exits, after the end
# of Python, with messages. Exit handlers run in reverse order: one that is registered after that use closes standard
# error before the messages, one registered before that use opens it again. LiteRT's library does not export the
# functions that set its log level.


@functools.cache
def _open_standard_error_at_exit():
    """Must be called before the first use of a buffer."""
    _at_exit("dup", os.dup(2))  # its result is the lowest free descriptor


@functools.cache
def _close_standard_error_at_exit():
    """Must be called after the first use of a buffer."""
    _at_exit("close", 2)


def _at_exit(function, descriptor):
    libc = ctypes.CDLL(None)
    address = ctypes.cast(getattr(libc, function), ctypes.c_void_p)
    libc.__cxa_atexit(address, ctypes.c_void_p(descriptor), None)

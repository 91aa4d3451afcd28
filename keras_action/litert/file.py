"""A LiteRT file in memory, parsed once."""

import dataclasses
import io
import re
import zipfile
from pathlib import Path

import numpy as np

from keras_action.litert.extras import require
from keras_action.utils.signature import FRAME, SIGNATURE

_IDENTIFIER = b"TFL3"
_ZIP_HEADER = re.compile(rb"PK\x03\x04.{26}(keras_action\.json|labels\.txt)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class TensorSummary:
    """An input or output of a file.

    Args:
        shape: Shape of the tensor.
        dtype: Name of its type, as `"uint8"`.
        scale: Scale of a quantised tensor, whose real values are `(value − zero_point) · scale`; `None` for floats.
        zero_point: Zero point of a quantised tensor.
    """

    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None

    @property
    def num_bytes(self):
        """Size of the tensor in memory."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    def zeros(self):
        """An array whose real values are zero."""
        return np.full(self.shape, self.zero_point or 0, self.dtype)

    def real(self, values):
        """The real values of stored ones."""
        if self.scale is None:
            return values
        return (values.astype("float32") - self.zero_point) * np.float32(self.scale)

    def __str__(self):
        quantized = "" if self.scale is None else f", (value − {self.zero_point}) · {self.scale:.4g}"
        return f"{self.dtype} {self.shape}{quantized}"


class LiteRTFile:
    """A LiteRT file in memory: its tables as objects, and the files of the zip archive behind it.

    Args:
        data: Bytes of the file.
        name: Name of the file, for errors.

    Attributes:
        name: As given.
        model: The tables, a `ModelT` of ai-edge-litert's schema. Call `edited` after a change.
        attachments: The packed files, a dict from names to bytes. Call `edited` after a change.
        inputs: A dict from the names of the signature's inputs to the indices of their tensors; without the signature,
            the keys are the names of the tensors.
        outputs: The same for the outputs.

    Raises:
        ValueError: If it is not a LiteRT file, or it is damaged or truncated.
        ImportError: If ai-edge-litert is not installed.
    """

    def __init__(self, data, name="the file"):
        self.name = name
        self._data = bytes(data)
        if self._data[4:8] != _IDENTIFIER:
            start = f"a file that starts with {self._data[:8]!r}" if data else "an empty file"
            raise ValueError(f"{name} is not a LiteRT file. Received: {start}")
        self._flatbuffer = require("ai_edge_litert.tools.flatbuffer_utils")
        try:
            self.model = self._flatbuffer.read_model_from_bytearray(bytearray(self._data))
            for buffer in self.model.buffers:
                # The constants of a quantised file are bytes, which would be written one by one, in Python.
                if isinstance(buffer.data, bytearray):
                    buffer.data = np.frombuffer(buffer.data, "uint8")
            self.inputs, self.outputs = self._edges()
        except Exception as error:  # parsing damaged tables fails in many ways
            raise ValueError(
                f"{name}: the LiteRT file is damaged or truncated ({type(error).__name__}: {error})"
            ) from error
        self.attachments = self._unpack()

    @classmethod
    def read(cls, path):
        """The file at a path; a `LiteRTFile` is returned as it is."""
        return path if isinstance(path, cls) else cls(Path(path).read_bytes(), path)

    @property
    def graph(self):
        """The main graph, a `SubGraphT`."""
        return self.model.subgraphs[0]

    @property
    def is_streaming(self):
        """Whether the file takes single frames and states, not clips."""
        return FRAME in self.inputs

    @property
    def data(self):
        """The bytes of the file, with all changes. The same tables and attachments give the same bytes."""
        if self._data is None:
            buffer = io.BytesIO(self._flatbuffer.convert_object_to_bytearray(self.model))
            # The offsets of an archive that is appended count from the start of the model, as readers expect.
            buffer.seek(0, io.SEEK_END)
            if self.attachments:
                with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
                    for name, content in self.attachments.items():
                        # A fixed date, so that the bytes depend on the content alone.
                        archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
            self._data = buffer.getvalue()
        return self._data

    def edited(self):
        """Must be called after a change of `model` or `attachments`, so that `data` contains it."""
        self._data = None
        self.inputs, self.outputs = self._edges()

    def is_constant(self, tensor):
        """Whether a tensor is stored in the file."""
        return self.model.buffers[tensor.buffer].data is not None

    def operator_name(self, operator):
        """As `"CONV_2D"`; of a custom or TensorFlow ("Flex") operator its own name."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        if code.customCode:
            return bytes(code.customCode).decode()
        return self._flatbuffer.opcode_to_name(self.model, operator.opcodeIndex)

    def tensor_name(self, index):
        """The name of a tensor of the main graph."""
        return self.graph.tensors[index].name.decode()

    def tensor(self, index):
        """The `TensorSummary` of a tensor of the main graph."""
        tensor = self.graph.tensors[index]
        dtype, quantization = self._flatbuffer.type_to_name(tensor.type).lower(), tensor.quantization
        if quantization is None or quantization.scale is None or not len(quantization.scale):
            return TensorSummary(tensor_shape(tensor), dtype)
        return TensorSummary(tensor_shape(tensor), dtype, float(quantization.scale[0]), int(quantization.zeroPoint[0]))

    def replace_edge(self, name, index, output=False):
        """Makes another tensor the input or output of a name."""
        signature = self._signature()
        edge, entries = (self.graph.outputs, signature.outputs) if output else (self.graph.inputs, signature.inputs)
        (entry,) = (entry for entry in entries if entry.name.decode() == name)
        edge[list(edge).index(entry.tensorIndex)] = index
        entry.tensorIndex = index
        self.edited()

    def _signature(self):
        signatures = self.model.signatureDefs or ()
        return next((item for item in signatures if item.signatureKey.decode() == SIGNATURE), None)

    def _edges(self):
        signature = self._signature()
        if signature is None:
            return tuple(
                {self.tensor_name(index): int(index) for index in indices}
                for indices in (self.graph.inputs, self.graph.outputs)
            )
        return tuple(
            {entry.name.decode(): int(entry.tensorIndex) for entry in entries or ()}
            for entries in (signature.inputs, signature.outputs)
        )

    def _unpack(self):
        try:
            with zipfile.ZipFile(io.BytesIO(self._data)) as archive:
                return {name: archive.read(name) for name in archive.namelist()}
        except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
            if _ZIP_HEADER.search(self._data):  # an archive without its end
                raise ValueError(
                    f"{self.name}: the metadata of the LiteRT file is damaged or truncated ({error})"
                ) from error
            return {}


def tensor_shape(tensor):
    """The shape of a `TensorT`, a tuple of integers."""
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)

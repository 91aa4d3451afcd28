"""Where a tensor lies in a file, and copies of tensors and containers as NumPy arrays and plain containers."""

import math
from dataclasses import dataclass

import numpy as np

# A tensor's type → how its numbers lie in the file, and as which they are given out, both as NumPy's codes.
DTYPES = {
    "float64": ("f8", "f8"),
    "float32": ("f4", "f4"),
    "float16": ("f2", "f2"),
    "bfloat16": ("u2", "f4"),  # NumPy has none: the upper half of a float32
    "int64": ("i8", "i8"),
    "int32": ("i4", "i4"),
    "int16": ("i2", "i2"),
    "int8": ("i1", "i1"),
    "uint64": ("u8", "u8"),
    "uint32": ("u4", "u4"),
    "uint16": ("u2", "u2"),
    "uint8": ("u1", "u1"),
    "bool": ("u1", "?"),
}
SCALARS = (str, int, float, bool, bytes, type(None))
ONLY = "only dense tensors of real numbers and plain containers are read"

_MAX_DIMENSIONS = 32  # NumPy 1 has no more


@dataclass(frozen=True, eq=False)
class Storage:
    """`numel` numbers that lie in the file under `key`; `size` of them, from `start` on, are meant."""

    key: str
    dtype: str
    numel: int
    start: int
    size: int

    def __post_init__(self):
        if not all(map(_is_size, (self.numel, self.start, self.size))) or self.start + self.size > self.numel:
            raise ValueError(f"it holds a view outside storage {self.key[:100]!r}")

    @property
    def itemsize(self):
        return np.dtype(DTYPES[self.dtype][0]).itemsize


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor that lies wholly inside its storage; offset and strides count numbers of `dtype`."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple
    strides: tuple

    def __post_init__(self):
        """In Python's integers, which do not overflow, and before any memory is taken."""
        if self.dtype not in DTYPES:
            raise ValueError(f"it holds a tensor of type {self.dtype[:100]}; {ONLY}")
        for sizes in (self.shape, self.strides):
            if type(sizes) is not tuple or len(sizes) > _MAX_DIMENSIONS or not all(map(_is_size, sizes)):
                raise ValueError(f"it holds a shape or strides that are not up to {_MAX_DIMENSIONS} sizes")
        if len(self.shape) != len(self.strides) or not _is_size(self.offset):
            raise ValueError("it holds a tensor of a negative offset, or of more or fewer strides than dimensions")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((size - 1) * stride for size, stride in steps)
        room = self.storage.size * self.storage.itemsize
        if 0 not in self.shape and (last + 1) * np.dtype(DTYPES[self.dtype][0]).itemsize > room:
            raise ValueError(
                f"it holds a tensor that reaches beyond its storage of {room} bytes: {self.dtype}, "
                f"offset {self.offset}, shape {self.shape}, strides {self.strides}"
            )

    def view(self, data, start, byte_order):
        """The tensor in the file's bytes, where its storage begins at byte `start`."""
        dtype = np.dtype(byte_order + DTYPES[self.dtype][0])
        if 0 in self.shape:
            return np.empty(self.shape, dtype)
        start += self.storage.start * self.storage.itemsize + self.offset * dtype.itemsize
        # Along an axis of length one no stride is ever taken, and it may be any number.
        steps = zip(self.shape, self.strides, strict=True)
        strides = [0 if size == 1 else stride * dtype.itemsize for size, stride in steps]
        return np.ndarray(self.shape, dtype, data, start, strides)


class PlainCopy:
    """Copies what a reader built to plain containers and NumPy arrays that own their memory.

    Args:
        tensor_class: The reader's class of tensors, with `dtype` and `shape`.
        view: Function from such a tensor to its array as stored, which may lie in the file.
        file_size: Integer, bytes. One storage can be behind many tensors, or one number behind a huge one, so all
            copies together are bounded by a multiple of it.
        as_text: Classes of which the text is given out.
    """

    def __init__(self, tensor_class, view, file_size, as_text=()):
        self.tensor_class, self.view, self.as_text = tensor_class, view, as_text
        self.left = 8 * file_size + 2**24
        self.done = {}

    def __call__(self, saved):
        try:
            return self._copy(saved)
        except RecursionError as error:
            raise ValueError("it holds containers that are nested too deep") from error

    def _copy(self, value):
        if type(value) in SCALARS:
            return value
        if id(value) in self.done:  # what is named twice is one object, and no container may be in itself
            if self.done[id(value)] is None:
                raise ValueError("it holds a container that holds itself")
            return self.done[id(value)]
        self.done[id(value)] = None
        if isinstance(value, self.tensor_class):
            copy = self._array(value)
        elif isinstance(value, dict):
            copy = {check_key(key): self._copy(item) for key, item in value.items()}
        elif isinstance(value, set):
            copy = {check_key(item) for item in value}
        elif isinstance(value, list):
            copy = [self._copy(item) for item in value]
        elif isinstance(value, tuple):
            copy = tuple(self._copy(item) for item in value)
        elif isinstance(value, self.as_text):
            copy = str(value)
        else:
            raise ValueError(f"it holds a {type(value).__name__}; {ONLY}")
        self.done[id(value)] = copy
        return copy

    def _array(self, tensor):
        name = str(tensor.dtype).removeprefix("torch.")
        layout = str(getattr(tensor, "layout", "torch.strided")).removeprefix("torch.")
        if name not in DTYPES or layout != "strided":
            raise ValueError(f"it holds a {layout} tensor of type {name}; {ONLY}")
        dtype = np.dtype(DTYPES[name][1])
        self.left -= math.prod(tensor.shape) * dtype.itemsize
        if self.left < 0:
            raise ValueError("it holds tensors that together are many times as large as the file")
        if name == "bfloat16":
            bits = np.array(self.view(tensor), "u4", order="C")
            bits <<= 16
            return bits.view("f4")
        return np.array(self.view(tensor), dtype, order="C")


def check_key(value):
    """The value, if it may be a dict's key or in a set: the hash of a deep tuple could overflow the stack."""
    if type(value) not in SCALARS and not (type(value) is tuple and all(type(item) in SCALARS for item in value)):
        raise ValueError(f"it uses a {type(value).__name__} as a key")
    return value


def _is_size(value):
    return type(value) is int and 0 <= value < 2**63

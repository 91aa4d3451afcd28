"""Reads pickles of PyTorch without PyTorch, by an unpickler with an allowlist of names and instructions."""

import math
import pickle
import struct
from typing import ClassVar

import numpy as np

ONLY = "only dense tensors of real numbers and plain containers are read"
SCALARS = (str, int, float, bool, bytes, type(None))

# Name of a dtype → how its numbers lie in a file. NumPy has no bfloat16: it is the upper half of a float32.
DTYPES = dict(float64="f8", float32="f4", float16="f2", bfloat16="u2", int64="i8", int32="i4", int16="i2", int8="i1")
DTYPES |= dict(uint64="u8", uint32="u4", uint16="u2", uint8="u1", bool="u1")
_STORAGES = dict(Double="float64", Float="float32", Half="float16", BFloat16="bfloat16", Long="int64", Int="int32")
_STORAGES |= dict(Short="int16", Char="int8", Byte="uint8", Bool="bool", Untyped="uint8")
_INSTRUCTIONS = """
PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT
BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8
EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS
BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID
"""
_MAX_DIMENSIONS = 32  # NumPy 1 has no more
_DAMAGE = (AttributeError, EOFError, LookupError, OverflowError, TypeError, pickle.UnpicklingError, struct.error)


def refusal(path):
    """Why a file that names something else is not read, and the way out."""
    return (
        f"it would call {path[:200]!r}; {ONLY}. If you trust the file, save its weights alone, with PyTorch: "
        "torch.save(torch.load(path, weights_only=False)['state_dict'], 'weights.pth')"
    )


class Budget:
    """Bounds the memory of all copies together: many tensors, or a huge one, can have one small storage.

    Args:
        file_size: Integer, bytes.
    """

    def __init__(self, file_size):
        self.left = 8 * file_size + 2**24

    def spend(self, size):
        self.left -= size
        if self.left < 0:
            raise ValueError("it holds tensors or other values that together are many times as large as the file")


def own_array(array, dtype):
    """A copy of an array as it lies in a file: bfloat16, there uint16, becomes float32, and bool bool."""
    if dtype == "bfloat16":
        bits = np.array(array, "u4", order="C")
        bits <<= 16
        return bits.view("f4")
    return np.array(array, "?" if dtype == "bool" else DTYPES[dtype], order="C")


def plain_copy(saved, convert):
    """A copy of nested containers as dicts, lists, tuples and sets.

    Args:
        saved: Containers.
        convert: Function from a value that is neither a container nor a scalar to its copy, or to `None` if such a
            value is not allowed.

    Raises:
        ValueError: for any other value, and for containers that are nested too deep.
    """
    done = {}  # by id: what is referred to twice is copied once

    def copy(value):
        if type(value) in SCALARS:
            return value
        if id(value) not in done:
            done[id(value)] = copy_new(value)
        return done[id(value)]

    def copy_new(value):
        if isinstance(value, dict):
            return {check_key(key): copy(item) for key, item in value.items()}
        if isinstance(value, set):
            return {check_key(item) for item in value}
        if isinstance(value, (list, tuple)):
            return (list if isinstance(value, list) else tuple)(map(copy, value))
        converted = convert(value)
        if converted is None:
            raise ValueError(f"it holds a {type(value).__name__}; {ONLY}")
        return converted

    try:
        return copy(saved)
    except RecursionError as error:
        raise ValueError("it holds containers that are nested too deep, or in themselves") from error


def check_key(value):
    """The value, if it may be a dict's key or in a set: to hash a deep tuple could overflow the stack."""
    if type(value) not in SCALARS and not (type(value) is tuple and all(type(item) in SCALARS for item in value)):
        raise ValueError(f"it uses a {type(value).__name__} as a key")
    return value


class _Storage:
    """The numbers of a storage, or of a view of it, as they lie in the file."""

    __slots__ = ("array", "dtype")

    def __init__(self, array, dtype):
        self.array, self.dtype = array, dtype


# Python's own implementation, as the one in C allocates memory for any length or memo index that the file claims,
# hashes keys of any depth, and has instructions that bypass `find_class`.
class TorchUnpickler(pickle._Unpickler):
    """Unpickles plain containers, scalars and tensors; any other name or instruction is an error.

    Args:
        stream: File-like object with `read` and `readline`.
        read_storage: Function from the key of a storage and its size in bytes to its bytes; or to `None`, and then its
            tensors are `None`.
        budget: A `Budget`.
        byte_order: `"<"` or `">"`.

    Attributes:
        sizes: Dict from the keys of storages to how many numbers and how many bytes they have.
    """

    dispatch: ClassVar = {
        code: pickle._Unpickler.dispatch[code] for code in (getattr(pickle, name)[0] for name in _INSTRUCTIONS.split())
    }

    def __init__(self, stream, read_storage, budget, byte_order="<"):
        super().__init__(stream, encoding="utf-8")  # of the strings of Python 2
        self.read_storage, self.budget, self.byte_order = read_storage, budget, byte_order
        self.sizes = {}
        self._allowed = {
            "collections.OrderedDict": self._dict,
            "collections.Counter": self._dict,
            "builtins.set": self._set,
            "builtins.bytes": self._bytes,
            "_codecs.encode": self._bytes,
            "torch.Size": self._size,
            "torch.device": self._device,
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor,
            "torch._utils._rebuild_tensor_v3": self._tensor_of_dtype,
            "torch._utils._rebuild_parameter": self._parameter,
            "torch._utils._rebuild_parameter_with_state": self._parameter,
            **{f"torch.{name}Storage": dtype for name, dtype in _STORAGES.items()},
            "torch.storage.UntypedStorage": "uint8",
            **{f"torch.{dtype}": f"torch.{dtype}" for dtype in DTYPES},
        }

    def load(self):
        """What was pickled.

        Raises:
            ValueError: for a name or instruction that tensors do not need, and for a pickle that is damaged.
        """
        try:
            return super().load()
        except _DAMAGE as error:
            if isinstance(error, KeyError) and isinstance(error.args[0], int):
                raise ValueError(f"it uses the pickle instruction {bytes(error.args)}; {ONLY}") from error
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise ValueError(f"its pickle is damaged or cut off ({reason})") from error

    # === What the file may name ===

    def find_class(self, module, name):
        path = f"{'builtins' if module == '__builtin__' else module}.{name}"
        if path not in self._allowed:
            raise ValueError(refusal(path))
        return self._allowed[path]

    def persistent_load(self, identity):
        match identity:
            case ("storage", str(dtype), str(key), str(), int(length), *rest) if dtype in DTYPES and length >= 0:
                sizes = length, length * np.dtype(DTYPES[dtype]).itemsize
            case _:
                raise ValueError(f"it refers to something else than a storage; {ONLY}")
        if self.sizes.setdefault(key, sizes) != sizes:
            raise ValueError(f"it holds two sizes of storage {key[:100]!r}")
        content = self.read_storage(key, sizes[1])
        if content is None:
            return None
        array = np.ndarray((length,), self.byte_order + DTYPES[dtype], content)
        match rest:
            case [] | [None]:
                return _Storage(array, dtype)
            case [(str(), int(start), int(count))] if 0 <= start <= start + count <= length:
                return _Storage(array[start : start + count], dtype)
        raise ValueError(f"it holds a view outside storage {key[:100]!r}")

    def _tensor(self, storage, offset, shape, strides, _requires_grad=False, _hooks=None, metadata=None):
        if storage is None:
            return None
        if type(storage) is not _Storage or metadata:
            raise ValueError(f"it holds a tensor without a storage, or a conjugate or negative view; {ONLY}")
        for sizes in (shape, strides, (offset,)):
            if type(sizes) is not tuple or len(sizes) > _MAX_DIMENSIONS or not all(map(_is_size, sizes)):
                raise ValueError(f"it holds an offset, shape or strides that are not up to {_MAX_DIMENSIONS} sizes")
        if len(shape) != len(strides):
            raise ValueError(f"it holds a tensor of shape {shape} with strides {strides}")
        # In Python's integers, which do not overflow, and before any memory is taken.
        array, steps = storage.array, list(zip(shape, strides, strict=True))
        if 0 not in shape and offset + sum((size - 1) * stride for size, stride in steps) >= len(array):
            raise ValueError(
                f"it holds a tensor that reaches beyond its storage of {len(array)} numbers: "
                f"offset {offset}, shape {shape}, strides {strides}"
            )
        self.budget.spend(math.prod(shape) * max(array.itemsize, 4))
        if 0 in shape:
            return own_array(np.empty(shape, array.dtype), storage.dtype)
        # Along an axis of length one no stride is ever taken, and it may be any number.
        strides = [0 if size == 1 else stride * array.itemsize for size, stride in steps]
        return own_array(np.ndarray(shape, array.dtype, array, offset * array.itemsize, strides), storage.dtype)

    def _tensor_of_dtype(self, storage, offset, shape, strides, requires_grad, hooks, dtype, metadata=None):
        if type(storage) is _Storage:
            dtype = dtype.removeprefix("torch.")
            storage = _Storage(storage.array.view(self.byte_order + DTYPES[dtype]), dtype)
        return self._tensor(storage, offset, shape, strides, requires_grad, hooks, metadata)

    def _parameter(self, tensor, *_):
        return tensor

    def _dict(self, items=()):
        self.budget.spend(8 * len(items))
        pairs = items.items() if isinstance(items, dict) else items  # a list of pairs is Python 2's
        return {check_key(key): value for key, value in pairs}

    def _set(self, items):
        self.budget.spend(8 * len(items))
        return set(map(check_key, items))

    def _bytes(self, text="", encoding="latin1"):  # so protocol 2 has bytes
        if type(text) is not str or encoding != "latin1":
            raise ValueError("it makes bytes of something else than a string")
        self.budget.spend(len(text))
        return text.encode(encoding)

    def _size(self, shape):
        if type(shape) is not tuple:
            raise ValueError("it makes a torch.Size of something else than a tuple")
        return shape

    def _device(self, kind, index=None):
        if type(kind) is not str or type(index) not in (int, type(None)):
            raise ValueError("it makes a torch.device of something else than a name and a number")
        self.budget.spend(len(kind))
        return kind if index is None else f"{kind}:{index}"

    # === Instructions that do less here than in Python's own ===

    def _set_items(self, items):
        if type(self.stack[-1]) is not dict:
            raise ValueError(f"its pickle has a {type(self.stack[-1]).__name__} where a dict belongs")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][check_key(key)] = value

    def _load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def _load_setitems(self):
        self._set_items(self.pop_mark())

    def _load_build(self):
        """Ignores the attributes of a dict, such as `_metadata` of a state dict; other objects may have none."""
        if self.stack.pop() is not None and type(self.stack[-1]) is not dict:
            raise ValueError(f"its pickle has a {type(self.stack[-1]).__name__} where a dict belongs")

    dispatch[pickle.SETITEM[0]] = _load_setitem
    dispatch[pickle.SETITEMS[0]] = _load_setitems
    dispatch[pickle.BUILD[0]] = _load_build


def _is_size(value):
    return type(value) is int and 0 <= value < 2**63

"""Pickles of PyTorch without PyTorch, and without calling anything.

Python's own unpickler imports and calls what a file names. This one knows the few names below; a name in the file
stays a name, what it stands for is built here, and every other name or instruction is an error.
"""

import pickletools
from dataclasses import dataclass

from keras_action.weights.stored_tensors import DTYPES, ONLY, Storage, Tensor, check_key

_STORAGES = {
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.UntypedStorage": "uint8",
    "torch.storage.UntypedStorage": "uint8",
}
_FUNCTIONS = {
    "collections.OrderedDict",
    "collections.Counter",
    "builtins.set",
    "builtins.bytes",
    "_codecs.encode",
    "torch.Size",
    "torch.device",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
}

_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_LITERALS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def load_pickle(stream, max_items):
    """Reads one pickle, up to its end.

    Args:
        stream: File-like object with `read`, `readline` and `tell`, whose `read` takes no more memory than is there.
        max_items: Integer, how many items and characters may be copied from one container to another. The pickle's
            size is enough; without a bound, a small pickle that names one list again and again fills the memory.

    Returns:
        What was pickled, and a dict of the storages by key. It consists of `Tensor`, `Storage`, plain containers,
        scalars, and names that were not called.

    Raises:
        ValueError: for a name or instruction that tensors do not need, and for a pickle that is damaged.
    """
    machine = _Machine(max_items)
    for opcode, argument in _decode(stream):
        try:
            if opcode == "STOP":
                return machine.stack.pop(), machine.storages
            machine.step(opcode, argument)
        except (LookupError, UnicodeError) as error:
            raise ValueError(f"its pickle is damaged (at {opcode})") from error


def _decode(stream):
    """The instructions and their arguments, which are strings, bytes and numbers; the last is STOP."""
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            yield opcode.name, argument
    except ValueError as error:
        raise ValueError(f"its pickle is damaged or cut off ({str(error)[:200]})") from error


@dataclass(frozen=True)
class Name:
    """A function or class that the file names."""

    path: str


class _Machine:
    def __init__(self, max_items):
        self.stack, self.outer, self.memo, self.storages = [], [], {}, {}
        self.left = max_items

    def step(self, opcode, argument):
        stack = self.stack
        if opcode in _LITERALS:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode])
        elif opcode in ("BINSTRING", "SHORT_BINSTRING"):  # a string of Python 2
            stack.append(argument.encode("latin-1").decode())
        elif opcode == "EMPTY_DICT":
            stack.append({})
        elif opcode == "EMPTY_LIST":
            stack.append([])
        elif opcode == "MARK":
            self.outer.append(stack)
            self.stack = []
        elif opcode == "TUPLE":
            items = self.pop_mark()
            self.stack.append(tuple(items))
        elif opcode in _TUPLES:
            items = [stack.pop() for _ in range(_TUPLES[opcode])]
            stack.append(tuple(reversed(items)))
        elif opcode == "APPEND":
            item = stack.pop()
            _expect(stack[-1], list).append(item)
        elif opcode == "APPENDS":
            items = self.pop_mark()
            _expect(self.stack[-1], list).extend(items)
        elif opcode == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _set_items(stack[-1], [(key, value)])
        elif opcode == "SETITEMS":
            items = self.pop_mark()
            _set_items(self.stack[-1], zip(items[::2], items[1::2], strict=True))
        elif opcode in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif opcode == "GLOBAL":
            module, _, name = argument.partition(" ")
            stack.append(_name(module, name))
        elif opcode == "STACK_GLOBAL":
            name, module = stack.pop(), stack.pop()
            stack.append(_name(_expect(module, str), _expect(name, str)))
        elif opcode == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(self.build(_expect(function, Name).path, _expect(arguments, tuple)))
        elif opcode == "BINPERSID":
            stack.append(self.find_storage(stack.pop()))
        elif opcode == "BUILD":  # `_metadata` of a state dict, left out, as a dict has no attributes
            stack.pop()
            _expect(stack[-1], dict)
        elif opcode not in ("PROTO", "FRAME"):
            raise ValueError(f"it uses the pickle instruction {opcode}; {ONLY}")

    def pop_mark(self):
        items, self.stack = self.stack, self.outer.pop()
        return items

    def build(self, path, arguments):
        match path.removeprefix("torch._utils."), arguments:
            case (("_rebuild_tensor" | "_rebuild_tensor_v2"), (Storage() as storage, offset, shape, strides, *rest)):
                return _tensor(storage, storage.dtype, offset, shape, strides, rest[2:])
            case "_rebuild_tensor_v3", (Storage() as storage, offset, shape, strides, _, _, str() as dtype, *rest):
                return _tensor(storage, dtype.removeprefix("torch."), offset, shape, strides, rest)
            case (("_rebuild_parameter" | "_rebuild_parameter_with_state"), (Tensor() as tensor, *_)):
                return tensor
            case (("collections.OrderedDict" | "collections.Counter"), ()):
                return {}
            case "collections.OrderedDict", (list() as pairs,):  # of Python 2
                return _set_items({}, [_expect_pair(pair) for pair in self.spend(pairs)])
            case "collections.Counter", (dict() as counts,):
                return dict(self.spend(counts))
            case "builtins.set", (list() as items,):
                return set(_set_items({}, [(item, None) for item in self.spend(items)]))
            case "builtins.bytes", ():
                return b""
            case "_codecs.encode", (str() as text, "latin1"):  # bytes, in the pickle protocol of Python 2
                return self.spend(text).encode("latin-1")
            case "torch.Size", (tuple() as shape,):
                return shape
            case "torch.device", (str() as device,):
                return device
            case "torch.device", (str() as device, int() as index):
                return f"{self.spend(device)}:{index}"
        raise ValueError(f"it calls {path} with other arguments than PyTorch writes")

    def spend(self, items):
        self.left -= len(items)
        if self.left < 0:
            raise ValueError("it names one container again and again")
        return items

    def find_storage(self, identity):
        match identity:
            case ("storage", Name(path), str() as key, str(), numel) if path in _STORAGES:
                storage = Storage(key, _STORAGES[path], numel, 0, numel)
            case ("storage", Name(path), str() as key, str(), numel, None) if path in _STORAGES:
                storage = Storage(key, _STORAGES[path], numel, 0, numel)
            case ("storage", Name(path), str() as key, str(), numel, (str(), start, size)) if path in _STORAGES:
                storage = Storage(key, _STORAGES[path], numel, start, size)
            case _:
                raise ValueError(f"it refers to something else than a storage; {ONLY}")
        known = self.storages.setdefault(key, storage)
        if known.numel != storage.numel or (known.numel and known.itemsize != storage.itemsize):
            raise ValueError(f"it holds two sizes of storage {key[:100]!r}")
        return storage


def _name(module, name):
    module = "builtins" if module == "__builtin__" else module
    path = f"{module}.{name}"
    if "." not in name:  # with one, later protocols reach an attribute of an attribute
        if module == "torch" and name in DTYPES:
            return path
        if path in _FUNCTIONS or path in _STORAGES:
            return Name(path)
    raise ValueError(f"it wants to call {path[:200]!r}; {ONLY}")


def _tensor(storage, dtype, offset, shape, strides, metadata):
    if any(metadata):
        raise ValueError(f"it holds a conjugate or negative view; {ONLY}")
    return Tensor(storage, dtype, offset, shape, strides)


def _set_items(target, pairs):
    for key, value in pairs:
        key = check_key(key)
        _expect(target, dict)[key] = value
    return target


def _expect(value, expected):
    if type(value) is not expected:
        raise ValueError(f"its pickle has a {type(value).__name__} where a {expected.__name__} belongs")
    return value


def _expect_pair(pair):
    if type(pair) not in (list, tuple) or len(pair) != 2:
        raise ValueError("it makes an OrderedDict of something else than pairs")
    return pair

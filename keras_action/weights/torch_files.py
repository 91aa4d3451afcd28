"""Reads files of `torch.save` as NumPy arrays, with PyTorch or without it.

A file is a zip archive (PyTorch 1.6 and later) of `<name>/data.pkl` and the storages, `<name>/data/<key>`; or, older, a
chain of pickles with the storages behind it.
"""

import functools
import importlib.util
import io
import mmap
import os
import re
import struct
import tarfile
import zipfile
import zlib

import numpy as np

from keras_action.weights.torch_pickle import DTYPES, ONLY, Budget, TorchUnpickler, own_array, plain_copy, refusal

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_ZIP = b"PK\3\4"  # the first bytes of a zip archive and of each member
_LOCAL_HEADER = 30  # bytes of a zip member's header before its name


def read_torch_file(path, use_torch=None):
    """Reads a file of `torch.save`, with every tensor and parameter as a NumPy array.

    No code of the file is run. It may hold tensors, dicts, lists, tuples, sets, strings, bytes, numbers and None; an
    object of another class is an error that names the class. An OrderedDict or Counter becomes a dict, bfloat16 becomes
    float32, a device or dtype its name.

    Args:
        path: Path of the file: `.pth`, `.pt`, `.pth.tar` or any other name.
        use_torch: Whether `torch.load(…, weights_only=True)` reads it; else a reader that needs only NumPy. By default
            whether PyTorch is installed.

    Returns:
        The saved object, such as a state dict or `{"state_dict": …, "epoch": …}`. Arrays are writable and own their
        memory.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, of another format, or holds anything else, such as complex, quantized or
            sparse tensors.

    Example:

    >>> checkpoint = read_torch_file("action_resnet50.pth.tar")
    >>> checkpoint["state_dict"]["module.conv1.weight"].shape
    (64, 3, 7, 7)
    """
    path = os.fspath(path)
    if use_torch is None:
        use_torch = importlib.util.find_spec("torch") is not None
    with open(path, "rb") as file:
        try:
            if os.fstat(file.fileno()).st_size == 0:
                raise ValueError("it is empty")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            is_zip = data[:4] == _ZIP
            # Before PyTorch reads it too: `weights_only` of PyTorch before 2.6 is not safe for the tar format.
            members = _find_members(file, data) if is_zip else _refuse_tar(data)
            if use_torch:
                return _read_with_torch(file, len(data))
            return _read_zip(data, members) if is_zip else _read_legacy(data)
        except ValueError as error:
            raise ValueError(
                f"A file of `torch.save` with tensors and plain containers was expected: {error}. "
                f"Received: path={path!r}"
            ) from error


def _read_with_torch(file, file_size):
    import torch

    file.seek(0)
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged file may raise nearly any
        name = re.search(r"GLOBAL (\S+) ", str(error))
        if name:
            raise ValueError(refusal(name[1])) from error
        # Without PyTorch's advice before the reason, to load it with `weights_only=False`.
        reason = re.sub(r"(?s)^Weights only load failed.*WeightsUnpickler error:\s*", "", str(error))
        raise ValueError(f"torch.load refuses it ({type(error).__name__}: {reason[:200]})") from error
    budget = Budget(file_size)

    def convert(value):
        if isinstance(value, (torch.dtype, torch.device)):
            return str(value)
        if not isinstance(value, torch.Tensor):
            return None
        dtype, layout = (str(what).removeprefix("torch.") for what in (value.dtype, value.layout))
        if dtype not in DTYPES or layout != "strided" or value.is_meta:
            layout = "meta" if value.is_meta else layout
            raise ValueError(f"it holds a {layout} tensor of type {dtype}; {ONLY}")
        budget.spend(value.numel() * max(value.element_size(), 4))
        value = value.detach().resolve_neg()
        return own_array(value.view(torch.int16).numpy().view("u2") if dtype == "bfloat16" else value.numpy(), dtype)

    return plain_copy(saved, convert)


def _read_zip(data, members):
    byte_order = bytes(_content(data, members["byteorder"])) if "byteorder" in members else b"little"
    if byte_order not in (b"little", b"big"):
        raise ValueError(f"its byte order is {byte_order[:20]!r}")

    @functools.cache
    def read_storage(key, size):
        member = members.get(f"data/{key}")
        if member is None:
            raise ValueError(f"it has no storage {key[:100]!r}")
        if member[0].file_size != size:
            raise ValueError(f"its storage {key[:100]!r} must have {size} bytes, and has {member[0].file_size}")
        return _content(data, member)

    stream = io.BytesIO(_content(data, members["data.pkl"]))
    order = "<" if byte_order == b"little" else ">"
    return plain_copy(TorchUnpickler(stream, read_storage, Budget(len(data)), order).load(), _array_or_none)


def _array_or_none(value):
    return value if isinstance(value, np.ndarray) else None


def _content(data, member):
    """The content of a member of the archive, a pair of its `zipfile.ZipInfo` and its place in the file."""
    info, start = member
    content = memoryview(data)[start : start + info.file_size]
    if info.CRC and zlib.crc32(content) != info.CRC:  # 0 if PyTorch was set not to compute it
        raise ValueError(f"its member {info.filename[:100]!r} is damaged")
    return content


def _find_members(file, data):
    """Dict from the names of the archive's members, without the archive's, to `ZipInfo` and place."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OverflowError, OSError, struct.error) as error:
        raise ValueError(f"it is a zip archive that is damaged or cut off ({error})") from error
    names = [info.filename for info in infos]
    roots = [name.removesuffix("data.pkl") for name in names if re.fullmatch("[^/]+/data.pkl", name)]
    if len(roots) != 1:
        raise ValueError("it is another zip archive, without a <name>/data.pkl")
    if any(name.startswith((f"{roots[0]}constants.pkl", f"{roots[0]}code/")) for name in names):
        raise ValueError("it is a TorchScript archive, which holds code; save the model's state_dict() instead")
    # Overlapping members could together be far larger than the file.
    if len(set(names)) < len(names) or sum(info.compress_size for info in infos) > len(data):
        raise ValueError("it is a zip archive with overlapping members")
    return {info.filename.removeprefix(roots[0]): (info, _find_content(info, data)) for info in infos}


def _find_content(info, data):
    """The place in the file at which the content of a member begins."""
    name = info.filename
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"its member {name[:100]!r} is compressed, which torch.save never does")
    # Each member has its own header, padded to align the content.
    header = data[info.header_offset : info.header_offset + _LOCAL_HEADER]
    if info.header_offset < 0 or len(header) < _LOCAL_HEADER or header[:4] != _ZIP:
        raise ValueError(f"its member {name[:100]!r} is not at the place that the archive names")
    start = info.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", header[26:]))
    if start + info.file_size > len(data) or info.flag_bits & 1:
        raise ValueError(f"its member {name[:100]!r} is cut off or encrypted")
    return start


def _refuse_tar(data):
    try:
        tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return
    raise ValueError("it is a tar archive, as of the first versions of PyTorch; load and save it again with PyTorch")


def _read_legacy(data):
    """Reads the pickle twice: for the sizes of the storages behind it, and then with the storages."""
    budget = Budget(len(data))

    def load(read_storage=lambda key, size: None):
        unpickler = TorchUnpickler(data, read_storage, budget)
        return plain_copy(unpickler.load(), _array_or_none), unpickler.sizes

    try:
        head = [load()[0] for _ in range(3)]  # the third describes the machine that wrote it
    except ValueError as error:
        raise ValueError("it is no zip archive, nor does it begin as PyTorch's older format") from error
    if head[:2] != [_MAGIC_NUMBER, _PROTOCOL_VERSION]:
        raise ValueError("it has neither the magic number nor the version of PyTorch's older format")
    start = data.tell()
    _, sizes = load()
    keys, _ = load()
    if type(keys) is not list or not all(type(key) is str for key in keys) or sorted(keys) != sorted(sizes):
        raise ValueError("its list of storages is not that of its tensors, or it is cut off")
    contents, position = {}, data.tell()
    for key in keys:
        count, size = sizes[key]
        start_of_numbers = position + 8
        position = start_of_numbers + size
        if int.from_bytes(data[start_of_numbers - 8 : start_of_numbers], "little") != count or position > len(data):
            raise ValueError(f"its storage {key[:100]!r} has not {count} numbers, or is cut off")
        contents[key] = memoryview(data)[start_of_numbers:position]
    data.seek(start)
    # PyTorch writes this format little-endian on every machine, whatever the third pickle says.
    return load(lambda key, size: contents[key])[0]

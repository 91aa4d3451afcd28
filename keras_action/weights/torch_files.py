"""Files of `torch.save` as NumPy arrays, with PyTorch or without it, and never with code from the file.

A file is a zip archive (PyTorch 1.6 and later): `<name>/data.pkl`, and each storage as `<name>/data/<key>`; or,
older, a chain of pickles with the storages behind it. Where a tensor lies in its storage stands in the pickle.
"""

import importlib.util
import io
import mmap
import os
import re
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass

from keras_action.weights.safe_pickle import load_pickle
from keras_action.weights.stored_tensors import ONLY, PlainCopy, Tensor

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_ZIP = b"PK\3\4"  # how a file, and each member, of a zip archive begins
_LOCAL_HEADER = 30  # bytes of a zip member's header, before its name


def read_torch_file(path, use_torch=None):
    """What was saved with `torch.save`, every tensor and parameter as a NumPy array.

    Nothing in the file is ever called: it may hold tensors, dicts, lists, tuples, sets, strings, bytes, numbers and
    None. A file of a whole model, or with objects of other classes, is an error that names the class. An
    OrderedDict or Counter becomes a dict, bfloat16 becomes float32, a device or type its name.

    Args:
        path: Path of the file, whatever its name: `.pth`, `.pt`, `.pth.tar`, ….
        use_torch: Whether `torch.load(…, weights_only=True)` reads it, or the reader here, which needs NumPy only.
            By default the former, where PyTorch is installed.

    Returns:
        The object saved, often a state dict or `{"state_dict": …, "epoch": …}`. Arrays are writable and own their
        memory.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file of another format, one that is damaged, and one that holds anything else, such as
            complex, quantized or sparse tensors.

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
            # Before PyTorch reads too: with the tar format, `weights_only` of PyTorch before 2.6 can be tricked.
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

    def view(tensor):
        if tensor.is_meta:
            raise ValueError("it holds a tensor of PyTorch's meta device, which has no numbers")
        tensor = tensor.detach().resolve_neg()
        return tensor.view(torch.int16).numpy().view("u2") if tensor.dtype is torch.bfloat16 else tensor.numpy()

    file.seek(0)
    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # for a file that is damaged, it may be nearly any
        name = re.search(r"GLOBAL (\S+) ", str(error))
        if name:
            raise ValueError(f"it wants to call {name[1]!r}; {ONLY}") from error
        # Without the advice, in front of the reason, to load it with `weights_only=False`.
        reason = re.sub(r"(?s)^Weights only load failed.*WeightsUnpickler error:\s*", "", str(error))
        raise ValueError(f"torch.load refuses it ({type(error).__name__}: {reason[:200]})") from error
    return PlainCopy(torch.Tensor, view, file_size, as_text=(torch.dtype, torch.device))(saved)


def _read_zip(data, members):
    byte_order = members["byteorder"].read(data) if "byteorder" in members else b"little"
    if byte_order not in (b"little", b"big"):
        raise ValueError(f"its byte order is {byte_order[:20]!r}")
    saved, storages = load_pickle(io.BytesIO(members["data.pkl"].read(data)), len(data))
    starts = {}
    for key, storage in storages.items():
        member, size = members.get(f"data/{key}"), storage.numel * storage.itemsize
        if member is None:
            raise ValueError(f"it has no storage {key[:100]!r}")
        if member.size != size:
            raise ValueError(f"its storage {key[:100]!r} must have {size} bytes, and has {member.size}")
        member.check_sum(data)
        starts[key] = member.start
    return _copy_tensors(saved, data, starts, "<" if byte_order == b"little" else ">")


@dataclass(frozen=True)
class _Member:
    """A member of a zip archive, `size` bytes of the file from `start` on."""

    name: str
    start: int
    size: int
    crc: int

    def read(self, data):
        self.check_sum(data)
        return data[self.start : self.start + self.size]

    def check_sum(self, data):
        with memoryview(data) as whole, whole[self.start : self.start + self.size] as content:
            if self.crc and zlib.crc32(content) != self.crc:  # 0 where PyTorch was told to compute none
                raise ValueError(f"its member {self.name[:100]!r} is damaged")


def _find_members(file, data):
    """The archive's members by their names without the archive's."""
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OverflowError, OSError, struct.error) as error:
        raise ValueError(f"it is a zip archive that is damaged or cut off ({error})") from error
    names = [info.filename for info in infos]
    roots = [name.removesuffix("data.pkl") for name in names if re.fullmatch("[^/]+/data.pkl", name)]
    if len(roots) != 1:
        raise ValueError("it is a zip archive of something else, without a <name>/data.pkl")
    if any(name.startswith((f"{roots[0]}constants.pkl", f"{roots[0]}code/")) for name in names):
        raise ValueError("it is a TorchScript archive, which holds code; save the model's state_dict() instead")
    # Members that lie over each other could together be far larger than the file.
    if len(set(names)) < len(names) or sum(info.compress_size for info in infos) > len(data):
        raise ValueError("it is a zip archive with members over each other")
    return {info.filename.removeprefix(roots[0]): _find_member(info, data) for info in infos}


def _find_member(info, data):
    name = info.filename
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise ValueError(f"its member {name[:100]!r} is compressed, which torch.save never does")
    # Each member has a header of its own, padded so that the content is aligned.
    header = data[info.header_offset : info.header_offset + _LOCAL_HEADER]
    if info.header_offset < 0 or len(header) < _LOCAL_HEADER or header[:4] != _ZIP:
        raise ValueError(f"its member {name[:100]!r} is not where the archive says")
    start = info.header_offset + _LOCAL_HEADER + sum(struct.unpack("<HH", header[26:]))
    if start + info.file_size > len(data) or info.flag_bits & 1:
        raise ValueError(f"its member {name[:100]!r} is cut off or encrypted")
    return _Member(name, start, info.file_size, info.CRC)


def _refuse_tar(data):
    try:
        tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return
    raise ValueError("it is a tar archive, as of the first versions of PyTorch; load and save it again with PyTorch")


def _read_legacy(data):
    try:
        head = [load_pickle(data, len(data))[0] for _ in range(3)]  # the third is about the machine that wrote it
    except ValueError as error:
        raise ValueError("it is no zip archive, nor does it begin as PyTorch's older format does") from error
    if head[:2] != [_MAGIC_NUMBER, _PROTOCOL_VERSION]:
        raise ValueError("it has neither the magic number nor the version of PyTorch's older format")
    saved, storages = load_pickle(data, len(data))
    keys, _ = load_pickle(data, len(data))
    if type(keys) is not list or not all(type(key) is str for key in keys) or sorted(keys) != sorted(storages):
        raise ValueError("its list of storages is not that of its tensors, or it is cut off")
    starts, position = {}, data.tell()
    for key in keys:
        storage = storages[key]
        starts[key] = position + 8
        count = int.from_bytes(data[position : position + 8], "little")
        position += 8 + storage.numel * storage.itemsize
        if count != storage.numel or position > len(data):
            raise ValueError(f"its storage {key[:100]!r} has not {storage.numel} numbers, or is cut off")
    # Little-endian whatever the third pickle says: so PyTorch writes this format on every machine.
    return _copy_tensors(saved, data, starts, "<")


def _copy_tensors(saved, data, starts, byte_order):
    return PlainCopy(Tensor, lambda tensor: tensor.view(data, starts[tensor.storage.key], byte_order), len(data))(saved)

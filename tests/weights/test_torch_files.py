import argparse
import copyreg
import importlib.util
import io
import pickle
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from keras_action.weights import torch_files
from keras_action.weights.torch_files import read_torch_file
from tests.weights.fixtures.make_fixtures import FILES, MILESTONES, OTHERS, UNSIGNED, arrays, numbers

HAS_TORCH = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="PyTorch is not installed")
READERS = [False, pytest.param(True, marks=needs_torch)]
MAGIC = 0x1950A86A20F9469CFC6C


def assert_same(actual, expected):
    """Equality of nested containers: their types and order, and each array's type, shape and numbers."""
    assert type(actual) is type(expected)
    if isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert actual.dtype == expected.dtype
        assert actual.flags.writeable and actual.flags.c_contiguous
        np.testing.assert_array_equal(actual, expected, strict=True)
    else:
        assert actual == expected


# What PyTorch wrote.


@pytest.mark.parametrize("use_torch", READERS)
@pytest.mark.parametrize("kind", FILES)
def test_everything_in_a_checkpoint(kind, use_torch):
    checkpoint = read_torch_file(FILES[kind], use_torch)
    optimizer = checkpoint.pop("optimizer")
    assert_same(
        checkpoint,
        {
            "state_dict": arrays(),
            **OTHERS,
            "accuracy": np.array(71.25, "float32"),
            "parameter": numbers(20, 3),
            "shapes": [(4, 3), (1, "two"), []],
            "milestones": MILESTONES,
            "device": "cuda:0",
            "dtype": "torch.bfloat16",
            **({"unsigned": UNSIGNED} if kind == "zip" else {}),
        },
    )
    assert_same(optimizer["state"], {0: {"momentum_buffer": np.full((4, 3, 3, 3), 0.5, "float32")}})
    assert optimizer["param_groups"][0]["lr"] == 0.125
    assert optimizer["param_groups"][0]["params"] == [0, 1, 2]


@needs_torch
@pytest.mark.parametrize("kind", FILES)
def test_both_readers_give_the_same(kind):
    assert_same(read_torch_file(FILES[kind], use_torch=False), read_torch_file(FILES[kind], use_torch=True))


@pytest.mark.parametrize("use_torch", READERS)
@pytest.mark.parametrize("kind", FILES)
def test_arrays_share_no_memory(kind, use_torch):
    state = read_torch_file(FILES[kind], use_torch)["state_dict"]
    state["module.fc.weight"][:] = 0
    np.testing.assert_array_equal(state["module.tied.weight"], arrays()["module.tied.weight"])


@needs_torch
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_pickle_protocol(zipped, protocol, tmp_path):
    import torch

    saved = {"weight": torch.arange(6.0).reshape(2, 3), "raw": b"ab", "none": None, "big": 2**40, "empty": (), 3: -1.5}
    torch.save(saved, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    expected = {**saved, "weight": np.arange(6, dtype="float32").reshape(2, 3)}
    assert_same(read_torch_file(tmp_path / "x.pt", use_torch=False), expected)


@needs_torch
def test_a_file_without_checksums(tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.serialization, "get_crc32_options", lambda: False)
    torch.save(torch.arange(6.0), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        assert not any(info.CRC for info in archive.infolist())
    assert_same(read_torch_file(tmp_path / "x.pt", use_torch=False), np.arange(6, dtype="float32"))


@pytest.mark.parametrize("installed", [True, False])
def test_torch_reads_where_it_is_installed(installed, monkeypatch):
    monkeypatch.setattr(torch_files.importlib.util, "find_spec", lambda name: name if installed else None)
    monkeypatch.setattr(torch_files, "_read_with_torch", lambda *args: "torch")
    assert (read_torch_file(FILES["zip"]) == "torch") is installed


def test_own_reader_imports_no_torch():
    # Only these modules, as the package itself imports Keras, which may import PyTorch.
    program = """
import sys, types
for name in ("keras_action", "keras_action.weights"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [name.replace(".", "/")]
from keras_action.weights.torch_files import read_torch_file
for path in sys.argv[1:]:
    assert read_torch_file(path, use_torch=False)["epoch"] == 3
assert not {"torch", "keras", "tensorflow"} & set(sys.modules)
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", program, *map(str, FILES.values())], cwd=root, check=True)


# Files written here, opcode by opcode.


def literal(value):
    """The opcodes that leave a value of plain containers on the stack."""
    return pickle.dumps(value, 2)[2:-1]


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def call(function, *arguments):
    return function + b"(" + b"".join(map(literal, arguments)) + b"tR"


def whole(opcodes):
    return b"\x80\x02" + opcodes + b"."


def storage(numel, key="0", kind="FloatStorage", legacy=False, view=None):
    view = literal(view) if legacy else b""
    return b"(X\7\0\0\0storage" + name("torch", kind) + literal(key) + literal("cpu") + literal(numel) + view + b"tQ"


def tensor(stored, offset, shape, strides, function="_rebuild_tensor_v2", metadata=b""):
    place = literal(offset) + literal(shape) + literal(strides)
    return name("torch._utils", function) + b"(" + stored + place + b"\x89N" + metadata + b"tR"


def write_zip(path, opcodes, storages=None, byte_order="little", **kwargs):
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        archive.writestr("x/data.pkl", whole(opcodes))
        if byte_order:
            archive.writestr("x/byteorder", byte_order)
        for key, content in (storages or {}).items():
            archive.writestr(f"x/data/{key}", content)
        archive.writestr("x/version", "3\n")
    return path


def write_legacy(path, opcodes, storages=None, itemsize=4):
    parts = [pickle.dumps(MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2), whole(opcodes)]
    parts.append(pickle.dumps(list(storages or {}), 2))
    for content in (storages or {}).values():
        parts += [struct.pack("<q", len(content) // itemsize), content]
    path.write_bytes(b"".join(parts))
    return path


WRITERS = {"zip": write_zip, "legacy": write_legacy}
SIX = np.arange(6, dtype="<f4")


@pytest.mark.parametrize("use_torch", READERS)
@pytest.mark.parametrize("byte_order", ["big", "little", None])
def test_byte_order(byte_order, use_torch, tmp_path):
    content = SIX.astype(">f4" if byte_order == "big" else "<f4").tobytes()
    path = write_zip(tmp_path / "x.pt", tensor(storage(6), 0, (2, 3), (1, 2)), {"0": content}, byte_order)
    assert_same(read_torch_file(path, use_torch), SIX.reshape(3, 2).T.astype("float32"))


@pytest.mark.parametrize("use_torch", READERS)
def test_storage_view_of_the_older_format(use_torch, tmp_path):
    stored = storage(6, legacy=True, view=("1", 2, 3))
    path = write_legacy(tmp_path / "x.pth", tensor(stored, 1, (2,), (1,)), {"0": SIX.tobytes()})
    assert_same(read_torch_file(path, use_torch), np.array([3, 4], "float32"))


def test_strings_and_dict_of_python_2(tmp_path):
    pairs = b"(](](U\1aK\1e](U\1bK\2eet"  # ([["a", 1], ["b", 2]],)
    path = write_legacy(tmp_path / "x.pth", name("collections", "OrderedDict") + pairs + b"R")
    assert_same(read_torch_file(path, use_torch=False), {"a": 1, "b": 2})


# Files that would run something, and did with Python's unpickler.


def hostile_pickles(target):
    """What makes a file at `target`, once called: how → opcodes."""
    system, command = name("os", "system"), f"echo > {target}"
    ordered_dict = name("collections", "OrderedDict") + b")R"
    return {
        "reduce": call(system, command),
        "eval": call(name("builtins", "eval"), f"open({str(target)!r}, 'w').close()"),
        "python 2 name": call(name("__builtin__", "eval"), f"open({str(target)!r}, 'w').close()"),
        "dotted": literal("os") + literal("path.os.system") + b"\x93" + literal((command,)) + b"R",
        "dotted torch": literal("collections") + literal("_sys.modules") + b"\x93",
        "setstate": ordered_dict + b"}" + literal("__setstate__") + system + b"sb" + literal(command) + b"b",
        "instance": b"(" + literal(command) + b"ios\nsystem\n",
        "object": b"(" + system + literal(command) + b"o",
        "new object": name("subprocess", "Popen") + literal((command,)) + b"\x81",
        "extension": b"\x82\xf0" + literal((command,)) + b"R",
        "module attribute": call(name("torch.serialization", "os.system"), command),
    }


@pytest.fixture
def extension():
    """A code that Python's unpickler takes for os.system, and once used keeps past `find_class`."""
    copyreg.add_extension("os", "system", 0xF0)
    yield
    copyreg.remove_extension("os", "system", 0xF0)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("how", hostile_pickles("x"))
def test_nothing_in_a_file_runs(how, kind, tmp_path, extension):
    target = tmp_path / "ran"
    opcodes = hostile_pickles(target)[how]
    if how in ("reduce", "eval", "dotted", "setstate", "instance", "object", "extension"):
        pickle.loads(b"\x80\x04" + opcodes + b".")
        assert target.exists(), "the file is not as hostile as it should be"
        target.unlink()
    path = WRITERS[kind](tmp_path / "x.pth", opcodes)
    with pytest.raises(ValueError, match=r"it (would call|uses the pickle instruction) (.|\n)*Received: path="):
        read_torch_file(path, use_torch=False)
    assert not target.exists()


@pytest.mark.parametrize("use_torch", READERS)
@pytest.mark.parametrize("kind", WRITERS)
def test_the_call_is_named(kind, use_torch, tmp_path):
    target = tmp_path / "ran"
    path = WRITERS[kind](tmp_path / "x.pth", hostile_pickles(target)["reduce"])
    with pytest.raises(ValueError, match=r"it would call 'os\.system'; .*Received: path='.*x.pth'"):
        read_torch_file(path, use_torch)
    assert not target.exists()


@pytest.mark.parametrize(
    "opcodes",
    [
        name("argparse", "Namespace") + b")\x81}X\2\0\0\0lrG?\xb9\x99\x99\x99\x99\x99\x9asb",
        name("numpy.core.multiarray", "scalar") + b"(" + name("numpy", "dtype") + b"(U\2f8K\0K\1tRU\x08abcdefghtR",
        name("numpy._core.multiarray", "scalar" * 999),
    ],
    ids=["Namespace", "NumPy scalar", "long name"],
)
def test_the_way_out_is_named_for_other_objects(opcodes, tmp_path):
    path = write_zip(tmp_path / "x.pth", b"}X\4\0\0\0args" + opcodes + b"s")
    with pytest.raises(ValueError, match=r"save its weights alone, .*weights_only=False.*Received: path=") as error:
        read_torch_file(path, use_torch=False)
    assert len(str(error.value)) <= 1000


# Files of which the numbers lie.


def deep(depth):
    return b"]" * depth + b"a" * (depth - 1)


LIES = {
    "offset": (tensor(storage(4), 4, (1,), (1,)), "beyond its storage of 4 numbers"),
    "negative offset": (tensor(storage(4), -1, (1,), (1,)), "are not up to 32 sizes"),
    "shape": (tensor(storage(4), 0, (5,), (1,)), "beyond its storage"),
    "strides": (tensor(storage(4), 0, (2, 2), (4, 1)), "beyond its storage"),
    "negative stride": (tensor(storage(4), 3, (2,), (-1,)), "are not up to 32 sizes"),
    "overflow": (tensor(storage(4), 0, (2**32 + 1,), (2**32,)), "beyond its storage"),
    "overflow of one size": (tensor(storage(4), 0, (0, 2**63), (1, 1)), "are not up to 32 sizes"),
    "dimensions": (tensor(storage(4), 0, (1,) * 65, (1,) * 65), "are not up to 32 sizes"),
    "fewer strides": (tensor(storage(4), 0, (2, 2), (1,)), r"shape \(2, 2\) with strides \(1,\)"),
    "no tuple": (tensor(storage(4), 0, [2], [1]), "are not up to 32 sizes"),
    "huge": (tensor(storage(4), 0, (2**40,), (0,)), "many times as large as the file"),
    "copies": (
        b"(" + tensor(storage(4), 0, (2**20,), (0,)) * 5 + b"t",
        "many times as large as the file",
    ),
    "no number": (tensor(storage("4"), 0, (1,), (1,)), "something else than a storage"),
    "negative storage": (tensor(storage(-4), 0, (1,), (1,)), "something else than a storage"),
    "two sizes": (b"(" + storage(4) + storage(3) + b"t", "two sizes of storage '0'"),
    "longer storage": (tensor(storage(5), 0, (1,), (1,)), "storage '0' (must have 20 bytes, and has 16|has not 5)"),
    "shorter storage": (tensor(storage(3), 0, (1,), (1,)), "storage '0' (must have 12 bytes, and has 16|has not 3)"),
    "no such storage": (tensor(storage(4, "../0"), 0, (1,), (1,)), "no storage '../0'|is not that of its tensors"),
    "type": (tensor(storage(4, kind="ComplexFloatStorage"), 0, (1,), (1,)), "'torch.ComplexFloatStorage'; only dense"),
    "negative view": (tensor(storage(4), 0, (1,), (1,), metadata=literal({"neg": True})), "negative view"),
    "storage by itself": (storage(4), "it holds a _Storage"),
    "name by itself": (name("collections", "OrderedDict"), "it holds a method"),
    "name in a tuple": (name("collections", "OrderedDict") + b"\x85", "it holds a method"),
    "name as a key": (b"}" + name("torch", "Size") + b"Ns", "a method as a key"),
    "state of a name": (
        name("torch", "Size") + literal((None, {"path": "os.system"})) + b"b",
        "a method where a dict",
    ),
    "call of a string": (literal("os.system") + b")R", "'str' object is not callable"),
    "call of an array": (
        tensor(storage(4), 0, (1,), (1,)) + b")R",
        "'(numpy.ndarray|NoneType)' object is not callable",
    ),
    "append to a name": (name("torch", "Size") + b"Na", "'(method|function)' object has no attribute 'append'"),
    "arguments": (call(name("torch", "Size"), 3), "a torch.Size of something else"),
    "encoding": (call(name("_codecs", "encode"), "a", "hex"), "bytes of something else"),
    "persistent module": (literal(("module", "os", "system", "")) + b"Q", "something else than a storage"),
    "persistent string": (literal("storage") + b"Q", "something else than a storage"),
    "persistent text": (b"Pstorage\n", "the pickle instruction b'P'"),
    "itself": (b"]q\0h\0a", "nested too deep, or in themselves"),
    "deep": (deep(5000), "nested too deep"),
    "deep key": (b"})" + b"\x85" * 5000 + b"Ns", "a tuple as a key"),
    "repeated": (
        b"(X\xa0\x86\1\0"
        + b"a" * 10**5
        + b"q\0"
        + (name("_codecs", "encode") + b"h\0X\6\0\0\0latin1\x86R") * 400
        + b"t",
        "many times as large as the file",
    ),
    "empty stack": (b"0", "the pickle instruction b'0'"),
    "no such memo": (b"h\7", "damaged"),
    "half a pair": (b"}(Nu", "shorter than"),
}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("lie", LIES)
def test_lies_are_found_before_memory_is_taken(lie, kind, tmp_path):
    opcodes, message = LIES[lie]
    storages = {"0": bytes(16)} if b"tQ" in opcodes else {}
    if kind == "legacy":  # which has one more place in a storage's description
        opcodes = opcodes.replace(b"tQ", b"NtQ")
    path = WRITERS[kind](tmp_path / "x.pth", opcodes, storages)
    with pytest.raises(ValueError, match=rf"({message})(.|\n)*Received: path="):
        read_torch_file(path, use_torch=False)


@pytest.mark.parametrize("view", [("1", 2, 3), ("1", -1, 2), ("1", 0, -1), (1, 0, 1), (), "1"])
def test_view_outside_a_storage_of_the_older_format(view, tmp_path):
    stored = storage(4, legacy=True, view=view)
    path = write_legacy(tmp_path / "x.pth", tensor(stored, 0, (1,), (1,)), {"0": bytes(16)})
    with pytest.raises(ValueError, match=r"view outside storage '0'|something else than a storage"):
        read_torch_file(path, use_torch=False)


@pytest.mark.parametrize("use_torch", READERS)
def test_compressed_members_are_refused(use_torch, tmp_path):
    opcodes = tensor(storage(2**20), 0, (2**20,), (1,))
    path = write_zip(tmp_path / "x.pth", opcodes, {"0": bytes(2**22)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**14
    with pytest.raises(ValueError, match=r"is compressed, which torch\.save never does"):
        read_torch_file(path, use_torch)


def test_members_over_each_other_are_refused(tmp_path):
    path = write_zip(tmp_path / "x.pth", b"N", {"0": bytes(2**16), "1": b""})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"x/data/1") - 46  # in the directory; now it claims the bytes of x/data/0
    content[entry + 20 : entry + 28] = struct.pack("<II", 2**16, 2**16)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="overlapping members"):
        read_torch_file(path, use_torch=False)


@pytest.mark.parametrize("use_torch", READERS)
def test_a_member_twice_is_refused(use_torch, tmp_path):
    path = write_zip(tmp_path / "x.pth", b"N")
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("x/data.pkl", b"N.")
    with pytest.raises(ValueError, match=r"another zip|overlapping members"):
        read_torch_file(path, use_torch)


# Files of other formats, and files that are damaged.


def write_text(path):
    path.write_text("epoch: 3\n" * 99)


def write_npz(path):
    with path.open("wb") as file:
        np.savez(file, weight=np.zeros(3))


def write_torchscript(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", whole(name("__torch__", "Model") + b")\x81"))
        archive.writestr("x/constants.pkl", whole(b")"))
        archive.writestr("x/code/__torch__.py", "")


def write_tar(path, tar_format=tarfile.PAX_FORMAT):
    with tarfile.open(path, "w", format=tar_format) as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())


def write_tar_without_magic(path):
    """As of the first Unix; `tarfile`, and so PyTorch, reads it too."""
    write_tar(path, tarfile.USTAR_FORMAT)
    content = bytearray(path.read_bytes())
    content[257:265] = bytes(8)
    content[148:156] = b" " * 8  # as which the checksum's own place is counted
    content[148:156] = b"%06o\0 " % sum(content[:512])
    path.write_bytes(content)


FORMATS = {
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "one byte": (lambda path: path.write_bytes(b"\x80"), "nor does it begin as PyTorch's older format"),
    "text": (write_text, "nor does it begin as PyTorch's older format"),
    "html": (lambda path: path.write_text("<html>\nNot found\n</html>\n"), "nor does it begin as"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1}, 2) * 3), "neither the magic number"),
    "version": (
        lambda path: path.write_bytes(b"".join(pickle.dumps(n, 2) for n in (MAGIC, 1002, 0))),
        "nor the version",
    ),
    "npz": (write_npz, "another zip archive"),
    "TorchScript": (write_torchscript, "TorchScript archive"),
    "tar": (write_tar, "tar archive"),
    "older tar": (write_tar_without_magic, "tar archive"),
    "byte order": (lambda path: write_zip(path, b"N", byte_order="middle"), "byte order|endianness"),
}


@pytest.mark.parametrize("use_torch", READERS)
@pytest.mark.parametrize("other", FORMATS)
def test_other_formats(other, use_torch, tmp_path):
    write, message = FORMATS[other]
    path = tmp_path / "x.pth.tar"
    write(path)
    if use_torch and other in ("one byte", "text", "html", "pickle", "version"):
        message = "torch.load refuses it"
    with pytest.raises(ValueError, match=rf"`torch.save` .*was expected: (.|\n)*({message})(.|\n)*Received: path="):
        read_torch_file(path, use_torch)


@pytest.mark.parametrize("use_torch", READERS)
def test_missing_file(use_torch, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_torch_file(tmp_path / "x.pth", use_torch)


@pytest.mark.parametrize("use_torch", READERS)
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_cut_off(kind, use_torch, tmp_path):
    content = FILES[kind].read_bytes()
    path = tmp_path / "x.pth"
    for length in (3, 4, 20, 200, 1000, len(content) // 2, len(content) - 100, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="Received: path="):
            read_torch_file(path, use_torch)


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_file_is_an_error_or_readable(kind, tmp_path):
    content = FILES[kind].read_bytes()
    path = tmp_path / "x.pth"
    rng, errors = np.random.default_rng(0), 0
    for position, value in zip(rng.integers(0, len(content), 300), rng.integers(0, 256, 300), strict=True):
        damaged = bytearray(content)
        damaged[position] = value
        path.write_bytes(damaged)
        try:
            read_torch_file(path, use_torch=False)
        except ValueError as error:
            assert "Received: path=" in str(error)
            errors += 1
    assert errors > 50


def test_a_damaged_storage_is_found(tmp_path):
    content = FILES["zip"].read_bytes()
    weight = arrays()["module.conv1.weight"].tobytes()
    path = tmp_path / "x.pth"
    path.write_bytes(content.replace(weight, weight[::-1]))
    with pytest.raises(ValueError, match=r"its member 'checkpoint_zip/data/\d+' is damaged"):
        read_torch_file(path, use_torch=False)


# What PyTorch can save and we do not read.


def unread(torch):
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8)
    return {
        "complex64|ComplexFloatStorage": torch.ones(2, dtype=torch.complex64),
        "float8_e5m2": torch.ones(2).to(torch.float8_e5m2),
        "qint8|_rebuild_qtensor": quantized,
        "sparse": torch.eye(2).to_sparse(),
        "meta": torch.ones(2, device="meta"),
        "torch.nn.modules.linear.Linear": torch.nn.Linear(2, 2),
        "argparse.Namespace": {"args": argparse.Namespace(lr=0.1)},
        "numpy.*scalar": {"best_prec1": np.float64(71.25)},
        "complex": {"z": 1j},
    }


@needs_torch
@pytest.mark.parametrize("use_torch", [True, False])
def test_what_is_not_read_is_named(use_torch, tmp_path):
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantized and sparse tensors, which PyTorch means to change
        for message, value in unread(torch).items():
            torch.save({"state_dict": value}, tmp_path / "x.pth")
            with pytest.raises(ValueError, match=rf"{message}(.|\n)*Received: path="):
                read_torch_file(tmp_path / "x.pth", use_torch)

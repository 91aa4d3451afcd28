"""PyTorch state dicts under the names that one release of each backbone has."""

import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_action.weights.torch_files import read_torch_file
from keras_action.weights.torch_names import (
    TorchNames,
    bn_inception_wrapped,
    find_family,
    mmaction_names,
    tonylins_name,
)

# The names of the classifier: of ACTION-Net, TSN and TSM; of the same without dropout; of ImageNet files; of MMAction2.
_CLASSIFIERS = ("new_fc", "fc", "last_linear", "classifier", "classifier.1", "cls_head.fc_cls")
# What DataParallel, torch.compile and Lightning put before every key, in any order.
_WRAPPERS = re.compile(r"^((module|model|_orig_mod)\.)+")


@dataclass(frozen=True)
class StateDict:
    """The weights of one PyTorch model, as NumPy arrays in PyTorch's layouts.

    Attributes:
        weights: Dict of the backbone's and the modules' arrays, by name, without the prefixes of wrappers,
            `base_model.`, `.net.` and batch counters.
        classifier: Weight `(classes, features)` and bias `(classes,)`, or `None`.
        is_video: Whether it is of ACTION-Net, TSN or TSM (`base_model.…`, or MMAction2's `backbone.…` with
            `cls_head.…`); else of an image model, or of TSM's online one, whose keys are the same.
        wrapped: Names of the convolutions that a temporal module wraps (`….net.weight`).
        backbone: The backbone's name, or `None` where it is unknown.
        names: The family's `TorchNames`, or `None`.
    """

    weights: dict[str, np.ndarray]
    classifier: tuple[np.ndarray, np.ndarray] | None
    is_video: bool
    wrapped: frozenset[str]
    backbone: str | None
    names: TorchNames | None

    @property
    def has_action(self):
        return any(".action_" in key for key in self.weights)


def read_state_dict(path_or_state_dict):
    """Reads the `StateDict` of a file or dict.

    Args:
        path_or_state_dict: Path of a PyTorch file or of an `.npz` file of arrays; a dict of arrays or PyTorch tensors;
            a dict with such a dict under `"state_dict"`, as training checkpoints are; or a `StateDict`.

    Raises:
        ValueError: if there is no dict of arrays, or two names of one weight have different values.
        FileNotFoundError: if there is no such file.
    """
    if isinstance(path_or_state_dict, StateDict):
        return path_or_state_dict
    is_dict = isinstance(path_or_state_dict, Mapping)
    saved = path_or_state_dict if is_dict else _read_file(os.fspath(path_or_state_dict))
    arrays = saved.get("state_dict", saved) if isinstance(saved, Mapping) else saved
    if not isinstance(arrays, Mapping) or not arrays or not all(map(_is_array, arrays.items())):
        is_mapping = isinstance(arrays, Mapping)
        others = sorted(str(key) for key, value in arrays.items() if not _is_array((key, value))) if is_mapping else []
        nested = [key for key in others if isinstance(arrays.get(key), Mapping)]
        hint = f" There is a dict under {nested[0][:60]!r}: pass that." if nested else ""
        raise ValueError(
            'A state dict, or a dict that has one under "state_dict", is expected: names and arrays. '
            f"Received: {type(arrays).__name__}{' ' + listed(others) if others else ''}.{hint}"
        )
    return _clean({key: _to_numpy(value) for key, value in arrays.items()})


def _read_file(path):
    if not path.endswith(".npz"):
        return read_torch_file(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"An .npz file of arrays, without objects, is expected. Received: {path}: {error}") from error


def _is_array(item):
    key, value = item
    return isinstance(key, str) and hasattr(value, "shape") and hasattr(value, "dtype")


def _to_numpy(value):
    """A NumPy array of an array or of a PyTorch tensor."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return np.asarray(value)


def _clean(arrays):
    arrays = _rename(arrays, lambda key: _WRAPPERS.sub("", key))
    is_video = any(key.startswith(("base_model.", "cls_head.")) for key in arrays)
    arrays = {key: value for key, value in arrays.items() if not key.endswith("num_batches_tracked")}
    arrays = _rename(arrays, lambda key: key.removeprefix("base_model."))
    if any(key.startswith("cls_head.") for key in arrays):
        arrays = _rename(arrays, mmaction_names(arrays).get)
    arrays = {key: _flat_batch_norm(key, value) for key, value in arrays.items()}
    classifier = _take_classifier(arrays)
    arrays, wrapped = _unwrap(arrays)
    if "features.1.conv.0.0.weight" in arrays:
        arrays = _rename(arrays, tonylins_name)
    names, backbone = find_family(arrays)
    return StateDict(arrays, classifier, is_video, wrapped, backbone, names)


def _rename(arrays, rename):
    """The arrays under new names; a `ValueError` if two of different values get the same name."""
    renamed = {}
    for key, value in arrays.items():
        name = rename(key)
        if name in renamed and not np.array_equal(renamed[name], value):
            raise ValueError(
                f"The state dict holds two weights of one name, {name[:200]!r}. Received: {key[:200]!r} and another"
            )
        renamed[name] = value
    return renamed


def _flat_batch_norm(key, value):
    """`(1, C)` → `(C,)`, for the batch normalisation of the first release of BNInception."""
    return value[0] if "_bn." in key and value.ndim == 2 and value.shape[0] == 1 else value


def _take_classifier(arrays):
    for name in _CLASSIFIERS:
        if f"{name}.weight" in arrays and f"{name}.bias" in arrays:
            return arrays.pop(f"{name}.weight"), arrays.pop(f"{name}.bias")
    return None


def _unwrap(arrays):
    """Removes `.net` from the names of convolutions that a temporal module wraps, and returns the wrapped names too.

    In BNInception such a convolution has its own name too: `shift_3a.net.weight` is `inception_3b_1x1.weight`.
    """
    wrapped, copies = set(), set()
    for key, value in arrays.items():
        match = re.fullmatch(r"(.+)\.net\.(weight|bias)", key)
        if match and not match[1].startswith("shift_"):
            wrapped.add(match[1])
        elif match:
            names = bn_inception_wrapped(match[1])
            copies.add(key)
            if not any(np.array_equal(arrays.get(f"{name}.{match[2]}"), value) for name in names):
                raise ValueError(
                    f"In a BNInception {key} must hold the values of one of {names}, the convolutions behind the "
                    f"module. Received: {key} of shape {value.shape} with other values"
                )
    arrays = {key: value for key, value in arrays.items() if key not in copies}
    return _rename(arrays, lambda key: re.sub(r"\.net\.(weight|bias)$", r".\1", key)), frozenset(wrapped)


def listed(names, most=200):
    """Names for a message: those that fit into about `most` characters, and how many more there are."""
    names = [name if len(name) <= 80 else f"{name[:77]}..." for name in map(str, names)]
    shown = []
    while len(shown) < len(names) and sum(map(len, shown)) + 2 * len(shown) < most - 80:
        shown.append(names[len(shown)])
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return (", ".join(shown) or "none") + more

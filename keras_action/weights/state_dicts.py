"""PyTorch state dicts, as they come, under the names that one release of each backbone has."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_action.weights.torch_files import read_torch_file
from keras_action.weights.torch_names import bn_inception_wrapped, find_family, tonylins_name

# Under these names stands the classifier: of ACTION-Net, TSN and TSM; of the same without dropout; of ImageNet files.
_CLASSIFIERS = ("new_fc", "fc", "last_linear", "classifier", "classifier.1")


@dataclass(frozen=True)
class StateDict:
    """The weights of one PyTorch model, as NumPy arrays in PyTorch's layouts.

    Attributes:
        weights: Dict of the backbone's and the modules' arrays, by name, without `module.`, `base_model.`, `.net.`
            and batch counters.
        classifier: Weight `(classes, features)` and bias `(classes,)`, or `None`.
        is_video: Whether it is of ACTION-Net, TSN or TSM (`base_model.…`); else of an image model.
        wrapped: Names of the convolutions that a temporal module wraps (`….net.weight`).
        backbone: The backbone's name, or `None` where it is unknown.
    """

    weights: dict[str, np.ndarray]
    classifier: tuple[np.ndarray, np.ndarray] | None
    is_video: bool
    wrapped: frozenset[str]
    backbone: str | None

    @property
    def names(self):
        """The family's `TorchNames`."""
        return find_family(self.weights)[0]

    @property
    def has_action(self):
        return any(".action_" in key for key in self.weights)


def read_state_dict(path_or_state_dict):
    """The `StateDict` of a file or dict.

    Args:
        path_or_state_dict: Path of a PyTorch file or of an `.npz` file of arrays; or a dict of arrays, or one that has
            such a dict under `"state_dict"`, as a training checkpoint has.

    Raises:
        ValueError: where there is no dict of arrays, or two names of one weight hold different values.
        FileNotFoundError: where the path names no file.
    """
    if isinstance(path_or_state_dict, Mapping):
        saved = path_or_state_dict
    else:
        path = os.fspath(path_or_state_dict)
        if path.endswith(".npz"):
            with np.load(path, allow_pickle=False) as archive:
                saved = {key: archive[key] for key in archive.files}
        else:
            saved = read_torch_file(path)
    arrays = saved.get("state_dict", saved) if isinstance(saved, Mapping) else saved
    if not isinstance(arrays, Mapping) or not arrays or not all(map(_is_array, arrays.values())):
        others = sorted(str(key) for key in arrays if not _is_array(arrays[key])) if isinstance(arrays, Mapping) else ""
        raise ValueError(
            'A state dict, or a dict that has one under "state_dict", is expected: names and arrays. '
            f"Received: {type(arrays).__name__} {', '.join(others[:8])}"
        )
    return _clean({key: np.asarray(value) for key, value in arrays.items()})


def _is_array(value):
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _clean(arrays):
    arrays = {key.removeprefix("module."): value for key, value in arrays.items()}
    is_video = any(key.startswith("base_model.") for key in arrays)
    arrays = {
        key.removeprefix("base_model."): _flat_batch_norm(key, value)
        for key, value in arrays.items()
        if not key.endswith("num_batches_tracked")
    }
    classifier = _take_classifier(arrays)
    arrays, wrapped = _unwrap(arrays)
    if "features.1.conv.0.0.weight" in arrays:
        arrays = {tonylins_name(key): value for key, value in arrays.items()}
    return StateDict(arrays, classifier, is_video, wrapped, find_family(arrays)[1])


def _flat_batch_norm(key, value):
    """`(1, C)` → `(C,)`: so the first release of BNInception has its batch normalisation."""
    return value[0] if "_bn." in key and value.ndim == 2 and value.shape[0] == 1 else value


def _take_classifier(arrays):
    for name in _CLASSIFIERS:
        if f"{name}.weight" in arrays and f"{name}.bias" in arrays:
            return arrays.pop(f"{name}.weight"), arrays.pop(f"{name}.bias")
    return None


def _unwrap(arrays):
    """Takes `.net` out of the names, which stands there where a module wraps the convolution that it precedes.

    In BNInception the convolution keeps its own name besides: `shift_3a.net.weight` is `inception_3b_1x1.weight`
    once more.
    """
    unwrapped, wrapped = {}, set()
    for key, value in arrays.items():
        match = re.fullmatch(r"(.+)\.net\.(weight|bias)", key)
        if not match:
            unwrapped[key] = value
        elif not match[1].startswith("shift_"):
            wrapped.add(match[1])
            unwrapped[f"{match[1]}.{match[2]}"] = value
        elif not any(
            np.array_equal(arrays.get(f"{name}.{match[2]}"), value) for name in bn_inception_wrapped(match[1])
        ):
            raise ValueError(
                f"In a BNInception {key} must hold the values of one of {bn_inception_wrapped(match[1])}, "
                f"the convolutions behind the module. Received: {key} of shape {value.shape} with other values"
            )
    return unwrapped, frozenset(wrapped)

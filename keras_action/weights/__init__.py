"""PyTorch files → state dicts of NumPy arrays, under the names of one release of each backbone."""

from keras_action.weights.state_dicts import StateDict, read_state_dict
from keras_action.weights.torch_files import read_torch_file

__all__ = ["StateDict", "read_state_dict", "read_torch_file"]

"""A functional model as a graph of named operations."""

import math

import keras


class Graph:
    """The operations of a functional model, in the order of computation.

    It is read from the model's configuration, which is public and has the nodes of this model only: a layer may be part
    of other models too.

    Attributes:
        operations: Dict from name to layer or operation.
        order: Dict from name to position.
        sources: Dict from name to the names of the operations whose outputs it takes, each once.
        takers: Dict from name to the names of the operations that take its output, in the order of computation.
        shapes: Dict from name to the shape of its output, if another operation takes it.
        dominators: Dict from name to the set of the operations on every path from an input to it, itself included.
        strides: Dict from name to the factor by which its map is smaller than the input.
    """

    def __init__(self, model):
        self.operations = {operation.name: operation for operation in model.operations}
        self.order = {name: position for position, name in enumerate(self.operations)}
        self.sources, self.shapes, self.dominators, self.strides = {}, {}, {}, {}
        self.takers = {name: [] for name in self.operations}
        for layer in model.get_config()["layers"]:
            tensors = _tensors(layer["inbound_nodes"])
            self.sources[layer["name"]] = list(dict.fromkeys(name for name, _ in tensors))
            self.shapes.update(tensors)
        for name, operation in self.operations.items():
            sources = self.sources[name]
            for source in sources:
                self.takers[source].append(name)
            shared = set.intersection(*(self.dominators[source] for source in sources)) if sources else set()
            self.dominators[name] = shared | {name}
            before = max((self.strides[source] for source in sources), default=1)
            self.strides[name] = before * _stride(operation)

    def dominator(self, name):
        """The last operation before this one that is on every path to it; `None` if there is none."""
        return max(self.dominators[name] - {name}, key=self.order.get, default=None)

    def region(self, ends, start):
        """The set of the operations between `start`, excluded, and `ends`, included."""
        region, to_visit = set(), [name for name in ends if name != start]
        while to_visit:
            name = to_visit.pop()
            if name not in region:
                region.add(name)
                to_visit += [source for source in self.sources[name] if source != start]
        return region


def _tensors(value):
    """Pairs of name and shape of all Keras tensors in a node's serialised arguments."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        config = value["config"]
        return [(config["keras_history"][0], tuple(config["shape"]))]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [pair for part in value for pair in _tensors(part)]


def _stride(operation):
    if isinstance(operation, keras.Sequential):
        return math.prod(map(_stride, operation.layers))
    if isinstance(operation, keras.layers.UpSampling2D):
        return 1 / operation.size[0]
    strides = getattr(operation, "strides", 1)
    stride = strides if isinstance(strides, int) else strides[0]
    return 1 / stride if isinstance(operation, keras.layers.Conv2DTranspose) else stride

"""Reading a functional graph: its residual and its multi-branch blocks, and where a temporal layer goes into them."""

import math
from dataclasses import dataclass

import keras

from keras_action.models.insertion import InsertionPoint

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
# What a shortcut may hold besides one convolution: no activation, nothing that learns more than scale and offset.
_SHORTCUT = (
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Cropping2D,
    keras.layers.MaxPooling2D,
    keras.layers.ZeroPadding2D,
)
# By name: besides the layers there are operations of the same names, as in `x + y`; the last is InceptionResNetV2's.
_SUMS = ("Add", "CustomScaleLayer")
_MERGES = (*_SUMS, "Concatenate")


@dataclass(frozen=True)
class Block:
    """One block of a network: a tensor that splits, what is computed of it, and where that is merged.

    All attributes name operations of the graph, in its order.

    Attributes:
        start: What gives the tensor that splits.
        entries: The first operations of the residual branch, or of all branches where there is no shortcut.
        convolutions: Those of the residual branch, without those of a squeeze-and-excitation gate.
        end: The last operation of the residual branch; without a shortcut, the merge.
        merge: What joins branch and shortcut, or the branches.
        is_sum: Whether the merge adds, as in ResNet; else it concatenates, as in DenseNet and Inception.
        stage: Integer s; the block gives a tensor 2^s times smaller than the input (ResNet's conv2 … conv5).
    """

    start: str
    entries: tuple[str, ...]
    convolutions: tuple[str, ...]
    end: str
    merge: str
    is_sum: bool
    stage: int

    @property
    def is_residual(self):
        return self.end != self.merge


def find_blocks(model):
    """The residual blocks of a functional model; where it has none, its multi-branch blocks, as of Inception.

    A block is what lies between a merge (`Add`, `Concatenate`) and the operation that dominates it, which is the
    last one that all its inputs come through. It is residual where one input is a shortcut: the dominator itself,
    or, in a sum, that through at most one convolution, pooling and batch normalisation. So the ten blocks of
    MobileNetV2, the sixteen of ResNet-50 and the dense layers of DenseNet are found alike.

    Args:
        model: A functional Keras model over frames `(N, H, W, 3)`.

    Returns:
        List of `Block`, in the graph's order; empty for a plain chain of layers such as VGG.
    """
    graph = _Graph(model)
    merges = [name for name in graph.order if graph.is_merge(name)]
    residual = [block for block in map(graph.residual_block, merges) if block]
    return residual or graph.multi_branch_blocks(merges)


def insertion_points(model, stages=None, location=1, every=1):
    """Where temporal layers go into a functional model, for `keras_action.insert_layers`.

    Args:
        model: A functional Keras model over frames `(N, H, W, 3)`.
        stages: Integers, the stages whose blocks get a layer; stage s works on maps 2^s times smaller than the input
            (the paper's Table 4: ResNet's conv2 … conv5). By default all that have blocks.
        location: Integer. In a residual block 1 is the start of the residual branch, as in the paper; 2 and 3 stand
            before the branch's second and third convolution, 4 at its end, before the sum. In a multi-branch block
            without shortcut, as of Inception, 1 is the start of the block, seen by all branches, and 2 its end.
        every: Integer n; of the blocks of a stage every n-th gets a layer, from the first on.

    Returns:
        List of `keras_action.models.InsertionPoint`, in the graph's order.

    Raises:
        ValueError: for a model without such blocks, a stage that it does not have, or a location that one of the
            blocks does not have.

    Example:

    >>> backbone = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(224, 224, 3))
    >>> points = keras_action.insertion_points(backbone)
    >>> model = keras_action.insert_layers(
    ...     backbone, {p: keras_action.layers.Action(8, name=f"{p.name}_action") for p in points})
    """
    blocks = find_blocks(model)
    if not blocks:
        raise ValueError(
            "`model` is a plain chain: no block has a shortcut or several branches. Name the layers in "
            f"`insert_layers` yourself. Received: model={model.name!r}"
        )
    known = sorted({block.stage for block in blocks})
    stages = known if stages is None else [int(stage) for stage in stages]
    if not stages or set(stages) - set(known):
        raise ValueError(f"`stages` must be some of {known} for {model.name!r}. Received: stages={tuple(stages)}")
    chosen = {id(block) for stage in stages for block in [b for b in blocks if b.stage == stage][::every]}
    return [_insertion_point(block, location) for block in blocks if id(block) in chosen]


def _insertion_point(block, location):
    last = 4 if block.is_residual else 2
    if location not in range(1, last + 1):
        raise ValueError(
            f"`location` must be from 1 to {last} for a {'residual' if block.is_residual else 'multi-branch'} block. "
            f"Received: location={location!r}"
        )
    if location == 1:
        return InsertionPoint(before=block.entries)
    if location == last:
        return InsertionPoint(after=block.end)
    if len(block.entries) > 1 or len(block.convolutions) < location:
        raise ValueError(
            f"`location` {location} is before convolution {location} of a residual branch, which the block that ends "
            f"in {block.merge!r} does not have, or not in one line: it has {len(block.convolutions)} convolution(s) "
            f"and {len(block.entries)} branch(es). Received: location={location}"
        )
    return InsertionPoint(before=(block.convolutions[location - 1],))


class _Graph:
    """The operations of a model by name, what each takes, and which ones dominate it."""

    def __init__(self, model):
        self.operations = {operation.name: operation for operation in model.operations}
        self.order = {name: position for position, name in enumerate(self.operations)}
        self.sources, self.dominators, self.strides = {}, {}, {}
        for name, operation in self.operations.items():
            tensors = [] if isinstance(operation, keras.layers.InputLayer) else keras.tree.flatten(operation.input)
            sources = list(dict.fromkeys(tensor._keras_history.operation.name for tensor in tensors))
            self.sources[name] = sources
            shared = set.intersection(*(self.dominators[source] for source in sources)) if sources else set()
            self.dominators[name] = shared | {name}
            before = max((self.strides[source] for source in sources), default=1)
            self.strides[name] = before * _stride(operation)

    def is_merge(self, name):
        return type(self.operations[name]).__name__ in _MERGES and len(self.sources[name]) > 1

    def _is_sum(self, merge):
        return type(self.operations[merge]).__name__ in _SUMS

    def residual_block(self, merge):
        start = self._dominator(merge)
        is_shortcut = (
            self._is_shortcut if self._is_sum(merge) else str.__eq__
        )  # DenseNet's: what is kept beside the new channels
        shortcut = next((name for name in self.sources[merge] if is_shortcut(name, start)), None)
        if shortcut is None:
            return None
        ends = [name for name in self.sources[merge] if name != shortcut]
        region = self._region(ends, start)
        if len(ends) > 1 or not any(self._is_convolution(name) for name in region):
            return None
        return self._block(start, region, ends[0], merge)

    def multi_branch_blocks(self, merges):
        blocks, inside = [], set()
        for merge in reversed(merges):  # a merge inside the branch of another makes no block of its own
            if self._is_sum(merge) or merge in inside:
                continue
            start = self._dominator(merge)
            region = self._region(self.sources[merge], start)
            if sum(self._is_convolution(name) for name in region) > 1:
                inside |= region
                blocks.append(self._block(start, region, merge, merge))
        return blocks[::-1]

    def _block(self, start, region, end, merge):
        region = sorted(region, key=self.order.get)
        gates = self._gates(region)
        return Block(
            start=start,
            entries=tuple(name for name in region if start in self.sources[name]),
            convolutions=tuple(name for name in region if self._is_convolution(name) and name not in gates),
            end=end,
            merge=merge,
            is_sum=self._is_sum(merge),
            stage=round(math.log2(self.strides[merge])),
        )

    def _dominator(self, name):
        """The last operation, before this one, that every path from the input comes through."""
        return max(self.dominators[name] - {name}, key=self.order.get)

    def _is_shortcut(self, name, start):
        convolutions = 0
        while name != start:
            convolutions += self._is_convolution(name)
            if not isinstance(self.operations[name], (*_SHORTCUT, *_CONVOLUTIONS)) or convolutions > 1:
                return False
            (name,) = self.sources[name]
        return True

    def _region(self, ends, start):
        """All operations between `start`, not counted, and `ends`, counted."""
        region, to_visit = set(), [name for name in ends if name != start]
        while to_visit:
            name = to_visit.pop()
            if name not in region:
                region.add(name)
                to_visit += [source for source in self.sources[name] if source != start]
        return region

    def _gates(self, region):
        """What hangs on a global pooling alone: squeeze and excitation, no part of the branch's way."""
        gates = set()
        for name in region:
            pools = isinstance(self.operations[name], keras.layers.GlobalAveragePooling2D)
            if pools or all(source in gates for source in self.sources[name]):
                gates.add(name)
        return gates

    def _is_convolution(self, name):
        operation = self.operations[name]
        is_pointwise = isinstance(operation, keras.layers.Dense) and len(operation.output.shape) == 4
        return is_pointwise or isinstance(operation, _CONVOLUTIONS)


def _stride(operation):
    if isinstance(operation, keras.Sequential):
        return math.prod(map(_stride, operation.layers))
    strides = getattr(operation, "strides", 1)
    return strides if isinstance(strides, int) else strides[0]

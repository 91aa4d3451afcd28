"""The residual and multi-branch blocks of a functional graph, and the places of temporal layers in them."""

import math
import operator
from dataclasses import dataclass

import keras
import numpy as np

from keras_action.models.graph import Graph
from keras_action.models.insertion import InsertionPoint, as_functional

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
# The layers of a shortcut besides one convolution: no activation, no weights but scales and offsets.
_SHORTCUT = (
    keras.layers.AveragePooling2D,
    keras.layers.BatchNormalization,
    keras.layers.Cropping2D,
    keras.layers.Dropout,
    keras.layers.GroupNormalization,
    keras.layers.Identity,
    keras.layers.LayerNormalization,
    keras.layers.MaxPooling2D,
    keras.layers.Rescaling,
    keras.layers.ZeroPadding2D,
)
# By name, as there are operations of the same names, such as that of `x + y`; the last is InceptionResNetV2's.
_SUMS = ("Add", "CustomScaleLayer")
_MERGES = (*_SUMS, "Concatenate")
_GLOBAL_POOLS = ("GlobalAveragePooling2D", "GlobalMaxPooling2D", "Max", "Mean")


@dataclass(frozen=True)
class Block:
    """One block of a network: a tensor, the branches that take it, and their merge.

    Attributes:
        start: Name of the operation whose output the branches take.
        entries: Names of the first operations of the residual branch, or of all branches if there is no shortcut.
        convolutions: Names of the residual branch's convolutions, without those of a squeeze-and-excitation gate.
        end: Name of the last operation of the residual branch; without a shortcut, of the merge.
        merge: Name of the operation that joins branch and shortcut, or the branches.
        is_sum: Whether the merge adds, as in ResNet; else it concatenates, as in DenseNet and Inception.
        stage: Integer s; the block's output is 2^s times smaller than the input (ResNet's conv2 … conv5).
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
    """The residual blocks of a functional model or, if it has none, its multi-branch blocks, as of Inception.

    A block lies between a merge (`Add`, `Concatenate`) and its dominator, the last operation that all paths to the
    merge pass. It is residual if one input of the merge is a shortcut: the dominator itself or, in a sum, the dominator
    followed by at most one convolution, pooling and batch normalisation. So are the ten blocks of MobileNetV2, the
    sixteen of ResNet-50 and the dense layers of DenseNet. Sums of three and blocks of nested models are not found.

    Args:
        model: A functional or sequential Keras model over frames `(N, H, W, 3)`.

    Returns:
        List of `Block`, in the graph's order; empty for a plain chain of layers such as VGG.

    Raises:
        ValueError: if `model` is neither functional nor a built sequential model.
    """
    graph = Graph(as_functional(model))
    merges = [name for name in graph.order if _is_merge(graph, name)]
    residual = [block for merge in merges if (block := _residual_block(graph, merge))]
    return residual or _multi_branch_blocks(graph, merges)


def insertion_points(model, stages=None, location=1, every=1):
    """The places of temporal layers in a functional model, for `keras_action.insert_layers`.

    Args:
        model: A functional Keras model over frames `(N, H, W, 3)`.
        stages: Integers, or one, the stages whose blocks get a layer; stage s gives maps 2^s times smaller than the
            input (the paper's Table 4: ResNet's conv2 … conv5). By default all that have blocks.
        location: Integer. In a residual block 1 is the start of the residual branch, as in the paper; 2 and 3 are
            before the branch's second and third convolution, 4 at its end, before the sum. In a multi-branch block
            without shortcut, as of Inception, 1 is the start of the block, before all branches, and 2 its end.
        every: Integer n; every n-th block of a stage gets a layer, beginning with the first.

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
            "`model` must have blocks with a shortcut or several branches; for a plain chain pass names of layers "
            f"to `insert_layers`. Received: model={model.name!r}"
        )
    known = sorted({block.stage for block in blocks})
    several = stages if np.iterable(stages) else (stages,)
    chosen_stages = known if stages is None else [_integer("stages", stage) for stage in several]
    if not chosen_stages or set(chosen_stages) - set(known):
        raise ValueError(f"`stages` must be some of {known} for {model.name!r}. Received: stages={stages}")
    location = _integer("location", location)
    if _integer("every", every) < 1:
        raise ValueError(f"`every` must be at least 1. Received: every={every}")
    chosen = {block for stage in chosen_stages for block in [b for b in blocks if b.stage == stage][::every]}
    return [_insertion_point(block, location) for block in blocks if block in chosen]


def _integer(name, value):
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"`{name}` must be an integer. Received: {name}={value!r}") from None


def _insertion_point(block, location):
    last = 4 if block.is_residual else 2
    if location not in range(1, last + 1):
        raise ValueError(
            f"`location` must be from 1 to {last} for a {'residual' if block.is_residual else 'multi-branch'} block. "
            f"Received: location={location!r}"
        )
    if location == 1:
        return InsertionPoint(before=block.entries, source=block.start)
    if location == last:
        return InsertionPoint(after=block.end)
    if len(block.entries) > 1 or len(block.convolutions) < location:
        raise ValueError(
            f"Location {location} is before convolution {location} of one residual branch; the block that ends in "
            f"{block.merge!r} has {len(block.convolutions)} convolution(s) and {len(block.entries)} branch(es). "
            f"Received: location={location}"
        )
    return InsertionPoint(before=(block.convolutions[location - 1],))


def _is_merge(graph, name):
    return type(graph.operations[name]).__name__ in _MERGES and len(graph.sources[name]) > 1


def _is_sum(graph, merge):
    return type(graph.operations[merge]).__name__ in _SUMS


def _residual_block(graph, merge):
    start = graph.dominator(merge)
    if start is None:
        return None
    lengths = {name: _shortcut_length(graph, name, start) for name in graph.sources[merge]}
    if not _is_sum(graph, merge):  # DenseNet concatenates the new channels and its input
        lengths = {name: length for name, length in lengths.items() if name == start}
    shortcuts = [name for name, length in lengths.items() if length is not None]
    if not shortcuts:
        return None
    shortcut = min(shortcuts, key=lengths.get)
    ends = [name for name in graph.sources[merge] if name != shortcut]
    region = graph.region(ends, start)
    if len(ends) > 1 or not any(_is_convolution(graph, name) for name in region):
        return None
    return _block(graph, start, region, ends[0], merge)


def _shortcut_length(graph, name, start):
    """The number of operations between `start` and `name`, a convolution counted as 100; `None` if no shortcut."""
    length = convolutions = 0
    while name != start:
        convolutions += _is_convolution(graph, name)
        if not isinstance(graph.operations[name], (*_SHORTCUT, *_CONVOLUTIONS)) or convolutions > 1:
            return None
        length += 1
        (name,) = graph.sources[name]
    return length + 100 * convolutions


def _multi_branch_blocks(graph, merges):
    blocks, inside = [], set()
    for merge in reversed(merges):  # a merge inside a branch is not a block
        start = graph.dominator(merge)
        if start is None or _is_sum(graph, merge) or merge in inside:
            continue
        region = graph.region(graph.sources[merge], start)
        if sum(_is_convolution(graph, name) for name in region) > 1:
            inside |= region
            blocks.append(_block(graph, start, region, merge, merge))
    return blocks[::-1]


def _block(graph, start, region, end, merge):
    region = sorted(region, key=graph.order.get)
    gates = set()  # operations that depend on a global pooling only: squeeze and excitation
    for name in region:
        pools = type(graph.operations[name]).__name__ in _GLOBAL_POOLS
        if pools or all(source in gates for source in graph.sources[name]):
            gates.add(name)
    return Block(
        start=start,
        entries=tuple(name for name in region if start in graph.sources[name]),
        convolutions=tuple(name for name in region if _is_convolution(graph, name) and name not in gates),
        end=end,
        merge=merge,
        is_sum=_is_sum(graph, merge),
        stage=round(math.log2(graph.strides[merge])),
    )


def _is_convolution(graph, name):
    operation = graph.operations[name]
    is_pointwise = isinstance(operation, keras.layers.Dense) and len(graph.shapes.get(name, ())) == 4
    return is_pointwise or isinstance(operation, _CONVOLUTIONS)

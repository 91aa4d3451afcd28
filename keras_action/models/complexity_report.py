"""The cost of a model: multiply-adds and parameters, by layer and in total."""

import math
from dataclasses import astuple, dataclass

import keras

from keras_action.layers import Action
from keras_action.models.insertion import as_functional
from keras_action.models.macs import Macs, count_macs
from keras_action.utils.files import write_csv


@dataclass(frozen=True)
class LayerCost:
    """One use of one layer.

    Attributes:
        name: The layer's name; `model/layer` inside a nested model, `layer/part` for the parts of an `Action`.
        kind: Name of the layer's class.
        output_shape: For one clip.
        macs: `Macs` of one clip; zero if they are unknown.
        trainable: Number of trainable parameters; those of a layer that is used twice are in its first row only.
        non_trainable: Number of other parameters: statistics of batch normalisations, frozen layers.
        is_counted: Whether the multiply-adds are known.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    macs: Macs
    trainable: int
    non_trainable: int
    is_counted: bool = True


_COLUMNS = ("layer", "class", "output shape", "literal", "training", "inference", "trainable", "not trainable")


@dataclass(frozen=True)
class Complexity:
    """Multiply-adds and parameters of a model; `str(report)` is a table.

    Attributes:
        name: The model's name.
        rows: A `LayerCost` for each use of each layer, in the order of computation.

    Example:

    >>> report = keras_action.complexity(model)
    >>> report.macs.inference, report.trainable, report.parameters
    >>> report.save_csv("cost.csv")
    """

    name: str
    rows: tuple[LayerCost, ...]

    @property
    def macs(self):
        """`Macs` of one clip, without the layers of `uncounted`."""
        return sum((row.macs for row in self.rows), Macs())

    @property
    def trainable(self):
        """Number of trainable parameters, as papers give it."""
        return sum(row.trainable for row in self.rows)

    @property
    def parameters(self):
        """Number of all parameters, with the statistics of batch normalisations, as `model.count_params()`."""
        return self.trainable + sum(row.non_trainable for row in self.rows)

    @property
    def uncounted(self):
        """Names of the layers whose multiply-adds are unknown and not in `macs`."""
        return tuple(dict.fromkeys(row.name for row in self.rows if not row.is_counted))

    def save_csv(self, path):
        """Writes a line for each row; unknown multiply-adds are empty."""
        lines = (
            (row.name, row.kind, "x".join(map(str, row.output_shape)), *_numbers(row, unknown="")) for row in self.rows
        )
        return write_csv(path, [column.replace(" ", "_") for column in _COLUMNS], lines)

    def __str__(self):
        total = LayerCost("total", "", (), self.macs, self.trainable, self.parameters - self.trainable)
        shown = [row for row in self.rows if any(_numbers(row, unknown=True))]
        cells = [_COLUMNS]
        for row in (*shown, total):
            numbers = (f"{number:,}" if number != "?" else number for number in _numbers(row, unknown="?"))
            cells.append((row.name, row.kind, "×".join(map(str, row.output_shape)), *numbers))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        first, *lines, last = [_line(row, widths) for row in cells]
        rule = "-" * len(first)
        text = [
            f"Multiply-adds of one clip, and parameters, of {self.name}:",
            *(first, rule, *lines, rule, last),
            "Of convolutions and matrix products; layers with neither these nor parameters are left out.",
        ]
        if self.uncounted:
            text.append(f"NOT COUNTED, as their cost is unknown: {', '.join(self.uncounted)}")
        return "\n".join(text)


def complexity(model):
    """Counts the multiply-adds and the parameters of a functional model, by layer and in total.

    Multiply-adds are those of convolutions and matrix products, as the field counts them: biases, normalisations,
    activations, poolings and products element by element count zero, and padding is not discounted. They are counted
    for one clip (of an image model, one image) in the three forms of `keras_action.models.macs.Macs`: as the paper's
    reference code computes, and as this package does in training and at inference.

    Args:
        model: A functional or sequential Keras model of known input size. The layers of models inside it are counted.

    Returns:
        A `Complexity`. A layer of unknown cost, with a kernel or from another package, is listed in
        `report.uncounted`; register a function for it with `keras_action.models.macs.count_macs`.

    Raises:
        ValueError: if `model` is not functional, or has an input of unknown size.

    Example:

    >>> report = keras_action.complexity(keras_action.build_action_net("mobilenet_v2", num_classes=83))
    >>> report.trainable
    2355455
    >>> print(report)

    Reference: ACTION-Net, [Wang et al., 2021](https://arxiv.org/abs/2103.07372), Tables 3 and 5.
    """
    graph = as_functional(model)
    for x in graph.inputs:
        if None in x.shape[1:]:
            raise ValueError(
                "`model` must have inputs of known sizes, except for the batch. "
                f"Received: model={model.name!r} with input {x.name!r} of shape {tuple(x.shape)}"
            )
    clip = keras.tree.map_structure(lambda x: keras.KerasTensor((1, *x.shape[1:]), x.dtype), graph.inputs)
    rows, seen = [], set()
    _walk(graph, clip, "", rows, seen)
    return Complexity(model.name, tuple(rows))


def _walk(model, inputs, prefix, rows, seen):
    """Appends a row for each layer of `model` on `inputs`, tensors of a known batch; returns its outputs.

    Args:
        model: A functional model.
        inputs: Keras tensors, with the structure of the model's inputs or flat.
        prefix: The names of the models around it, before the layers' names.
        rows: List of `LayerCost`.
        seen: Set of the ids of the weights counted so far.
    """

    def add(name, layer, input_shapes, output_shape):
        macs = count_macs(layer, input_shapes, output_shape)
        new = {id(weight): weight for weight in getattr(layer, "weights", ()) if id(weight) not in seen}
        seen.update(new)
        sizes = [(math.prod(weight.shape), weight.trainable) for weight in new.values()]
        rows.append(
            LayerCost(
                name=name,
                kind=type(layer).__name__,
                output_shape=output_shape,
                macs=macs or Macs(),
                trainable=sum(size for size, trainable in sizes if trainable),
                non_trainable=sum(size for size, trainable in sizes if not trainable),
                is_counted=macs is not None,
            )
        )

    def visit(operation):
        name = prefix + operation.name

        def call(*args, **kwargs):
            if isinstance(operation, keras.Model):
                return _walk(as_functional(operation), args[0], f"{name}/", rows, seen)
            outputs = operation.compute_output_spec(*args, **kwargs)
            tensors = keras.tree.flatten((args, kwargs))
            input_shapes = tuple(tuple(x.shape) for x in tensors if isinstance(x, keras.KerasTensor))
            output_shape = tuple(keras.tree.flatten(outputs)[0].shape)
            if isinstance(operation, Action):
                for part in operation.parts:
                    add(f"{name}/{part.name}", part, input_shapes, output_shape)
            else:
                add(name, operation, input_shapes, output_shape)
            return outputs

        return call

    # So Keras infers the shapes of a functional model. The public ways call its layers, which adds nodes to them.
    return model._run_through_graph(inputs, operation_fn=visit)


def _numbers(row, unknown):
    """The numbers of a row's line, with `unknown` for unknown multiply-adds."""
    macs = astuple(row.macs) if row.is_counted else (unknown,) * 3
    return (*macs, row.trainable, row.non_trainable)


def _line(cells, widths):
    """The cells of one line: texts to the left, numbers to the right."""
    padded = [cell.ljust(width) for cell, width in zip(cells[:3], widths[:3], strict=True)]
    padded += [cell.rjust(width) for cell, width in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(padded)

"""What every file must hold, whatever model it came from."""

MAX_RANK = 4
# Formats in which XNNPACK has kernels for everything that a model is made of: of dynamic range files it leaves the
# depthwise convolutions, of files with int16 activations all operators.
DELEGATED = (None, "float16", "int8")
INTEGER = ("int8", "int16x8")
_SHOWN = 5


class ConversionError(RuntimeError):
    """A model that could not be converted, or whose file does not hold what it must."""


def check_requirements(summary, quantization, names, kept_float=frozenset(), max_partitions=1):
    """Raise an error where a file does not hold what it must, and say which operator or tensor is to blame.

    Args:
        summary: The `FileSummary`.
        quantization: The format, one of `keras_action.litert.QUANTIZATIONS`.
        names: The `LayerNames` of the model.
        kept_float: Names of the tensors of an integer file that may be float.
        max_partitions: The most parts in which XNNPACK may take a file of a format that it computes in; `None` for any
            number.

    Raises:
        ConversionError: For TensorFlow's and custom operators, variables, shapes that are not known, tensors of a rank
            above 4, float operators in an integer file, kernels without a scale for each channel, and too many parts.
    """
    graph = summary.graph
    _refuse(
        [operator for operator in graph if operator.is_foreign],
        "LiteRT does not have these operators",
        names,
    )
    _refuse(
        [operator for operator in graph if operator.name in summary.variable_operators],
        "variables must be frozen into constants, but a layer changes one when it is called",
        names,
    )
    dynamic = set(summary.dynamic_tensors)
    _refuse(
        [operator for operator in graph if dynamic & set(operator.tensors)],
        "all shapes must be known, with a batch of one",
        names,
    )
    wide = [operator for operator in graph if len(operator.shape) > MAX_RANK and operator.name != "QUANTIZE"]
    _refuse(wide, f"no tensor may be above rank {MAX_RANK}", names)
    if quantization in INTEGER:
        floats = [operator for operator in graph if operator.is_float and not kept_float & set(operator.tensors)]
        _refuse(floats, "these operators still compute with floats", names)
        coarse = [operator for operator in graph if operator.per_channel is False]
        _refuse(coarse, "kernels must have a scale for each channel", names)
    parts = summary.partitions
    if quantization in DELEGATED and not are_few(parts, max_partitions):
        outside = {tensor for _, tensor in parts.outside}
        _refuse(
            [operator for operator in graph if outside & set(operator.tensors)],
            f"XNNPACK takes it in {parts.count} parts, not in {max_partitions} (`max_partitions=None` allows any "
            "number; the file is right, but slower), as it leaves these operators outside",
            names,
        )


def are_few(partitions, max_partitions):
    """Whether XNNPACK takes a file in as few parts as it may, and in one at least; `None` is any number."""
    return max_partitions is None or partitions is None or 1 <= partitions.count <= max_partitions


def _refuse(operators, reason, names):
    if not operators:
        return
    blamed = []
    for operator in operators[:_SHOWN]:
        layer = f" of {names.main(operator.tensors)}" if operator.tensors else ""
        blamed.append(f"{operator.name} {operator.shape}{layer}")
    more = f", and {len(operators) - _SHOWN} more" if len(operators) > _SHOWN else ""
    raise ConversionError(f"The file is refused: {reason}. Received: {'; '.join(blamed)}{more}")

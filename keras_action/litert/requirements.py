"""Requirements that every file must meet."""

MAX_RANK = 4
QUANTIZATIONS = ("float32", "float16", "dynamic", "int8", "int16x8")
# Formats that XNNPACK computes completely. It has no kernels for depthwise convolutions of dynamic range files, and
# none for int16 activations.
DELEGATED = ("float32", "float16", "int8")
INTEGER = ("int8", "int16x8")
_SHOWN = 5


class ConversionError(RuntimeError):
    """A model could not be converted, or its file does not meet a requirement."""


def check_requirements(summary, quantization, names, kept_float=frozenset(), max_partitions=1):
    """Raises an error if a file does not meet a requirement. It names the operators and their layers.

    Args:
        summary: The `FileSummary`.
        quantization: The format, one of `keras_action.litert.QUANTIZATIONS`.
        names: The `LayerNames` of the model.
        kept_float: Names of the tensors of an integer file that may be float.
        max_partitions: Maximum number of XNNPACK's partitions, of formats that it computes; `None` for any number.

    Raises:
        ConversionError: For TensorFlow's and custom operators, variables, unknown shapes, tensors of a rank above 4,
            float operators in an integer file, kernels without a scale for each channel, and too many partitions.
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
    partitions = summary.partitions
    if quantization in DELEGATED and not meets_partition_limit(partitions, max_partitions):
        outside = {tensor for _, tensor in partitions.outside}
        _refuse(
            [operator for operator in graph if outside & set(operator.tensors)],
            f"XNNPACK computes it in {partitions.count} parts, not in {max_partitions} (`max_partitions=None` allows "
            "any number; such a file is correct, but slower), because it does not have these operators",
            names,
        )


def meets_partition_limit(partitions, max_partitions):
    """Whether XNNPACK computes a file in 1 to `max_partitions` partitions; `None` for any number."""
    return max_partitions is None or partitions is None or 1 <= partitions.count <= max_partitions


def _refuse(operators, reason, names):
    if not operators:
        return
    shown = []
    for operator in operators[:_SHOWN]:
        layer = f" of {names.main(operator.tensors)}" if operator.tensors else ""
        shown.append(f"{operator.name} {operator.shape}{layer}")
    others = f", and {len(operators) - _SHOWN} more" if len(operators) > _SHOWN else ""
    raise ConversionError(f"The file is refused: {reason}. Received: {'; '.join(shown)}{others}")

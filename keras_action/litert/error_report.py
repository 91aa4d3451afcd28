"""The quantisation error of each operator of an integer file."""

import dataclasses
import math

from keras_action.litert.clips import iterate_clips
from keras_action.litert.extras import require
from keras_action.litert.file import LiteRTFile
from keras_action.litert.forms import ClipForm
from keras_action.litert.inspection import CONVERSIONS, list_operators
from keras_action.litert.silence import silenced_output
from keras_action.utils.files import json_number
from keras_action.utils.signature import CLIP

# Operators that only move data.
_MOVES = (*CONVERSIONS, "RESHAPE", "TRANSPOSE", "STRIDED_SLICE", "SLICE", "PAD", "PACK", "SPLIT", "CONCATENATION")


@dataclasses.dataclass(frozen=True)
class OperatorError:
    """The noise of an operator's output: the difference of the integer file's values from the float file's.

    Args:
        layer: Name of its Keras layer, or of the tensor if the layer is not known.
        operator: Name of the operator, as `"CONV_2D"`.
        tensor: Name of its output.
        signal: Sum of squares of the float values.
        noise: Sum of squares of the differences.
        entering: The largest share of noise among its inputs.
        multiply_adds: Number of multiply-adds.
        is_float: Whether it computes with floats in the integer file.
    """

    layer: str
    operator: str
    tensor: str
    signal: float
    noise: float
    entering: float
    multiply_adds: int
    is_float: bool

    @property
    def share(self):
        """Noise as a share of the signal."""
        return self.noise / self.signal

    @property
    def added(self):
        """The share of noise that none of its inputs has."""
        return max(self.share - self.entering, 0.0)

    @property
    def snr_db(self):
        """The signal-to-noise ratio in decibels: 10 log10 (signal / noise)."""
        return 10 * math.log10(self.signal / self.noise) if self.noise else math.inf


@dataclasses.dataclass(frozen=True)
class QuantizationErrorReport:
    """The quantisation error of all operators that compute, in the order of execution.

    Args:
        operators: The `OperatorError` of each.
        num_clips: Number of clips on which it was measured.
    """

    operators: tuple[OperatorError, ...]
    num_clips: int

    @property
    def layers(self):
        """The signal-to-noise ratio of each layer's output in decibels: that of its last operator."""
        return {operator.layer: operator.snr_db for operator in self.operators}

    def worst(self, count=10):
        """The operators that add most noise, in descending order."""
        return sorted(self.operators, key=lambda operator: operator.added, reverse=True)[:count]

    def to_dict(self):
        """The report as a dict for JSON."""
        return {
            "clips": self.num_clips,
            "operators": [
                {
                    "layer": operator.layer,
                    "operator": operator.operator,
                    "snr_db": json_number(operator.snr_db),
                    "added_noise": operator.added,
                    "multiply_adds": operator.multiply_adds,
                    "float": operator.is_float,
                }
                for operator in self.operators
            ],
        }

    def table(self, count=10):
        """The output's ratio and the operators that add most noise, as text."""
        total = sum(operator.multiply_adds for operator in self.operators) or 1
        lines = [
            f"signal to noise   {self.operators[-1].snr_db:.1f} dB in the logits, on {self.num_clips} clips",
            f"{'most noise from':<40} {'operator':<18} {'dB':>6} {'added':>8} {'share of multiply-adds':>23}",
        ]
        for operator in self.worst(count):
            lines.append(
                f"{operator.layer[-40:]:<40} {operator.operator:<18} {operator.snr_db:>6.1f} {operator.added:>8.2%} "
                f"{operator.multiply_adds / total:>23.2%}"
            )
        return "\n".join(lines)

    def __str__(self):
        return self.table()


def quantization_error(path, model, clips, limit=8):
    """Measures the quantisation error of a file, operator by operator.

    The model's float file and the quantised one are run side by side, and tensors of the same name are compared. The
    noise of an operator's output contains the noise of its inputs: the operator adds the difference to the noisiest of
    them.

    Args:
        path: Path of the `.tflite` file, of quantization `"int8"` or `"int16x8"`, or a `LiteRTFile`.
        model: The Keras model that it was converted from.
        clips: RGB in 0..255: an array `(N, T, H, W, 3)`, or an iterable of clips or batches, or of tuples that begin
            with one.
        limit: Maximum number of clips. All activations of both files are kept in memory: for a MobileNetV2 and 8
            frames of 224 × 224 some hundred MB.

    Returns:
        A `QuantizationErrorReport`.

    Raises:
        ValueError: If it is not an integer file of this model, or there is no clip.

    Example:

    >>> report = quantization_error("gesture.tflite", model, clips)
    >>> print(report.table())
    >>> plots.save_figure(plots.quantization_error_figure(report), "error.png")
    """
    form = ClipForm(model)
    samples = list(iterate_clips(clips, form.clip_shape, limit=limit))
    operators = _compare(form.float_file(), LiteRTFile.read(path), samples, form.names)
    if all(operator.is_float for operator in operators):
        raise ValueError(f"{path} is not an int8 or int16x8 file of this model")
    return QuantizationErrorReport(operators, len(samples))


def _compare(floats, integers, samples, names):
    known = [operator for operator in list_operators(floats) if operator.tensors]
    is_float = {tensor: operator.is_float for operator in list_operators(integers) for tensor in operator.tensors}
    reference, quantized = _Run(floats), _Run(integers)
    sums = {operator.tensors[0]: [0.0, 0.0] for operator in known if operator.tensors[0] in quantized.tensors}
    for sample in samples:
        reference(sample)
        quantized(sample)
        for tensor, total in sums.items():
            value = reference.value(tensor).astype("float64")
            total[0] += float((value**2).sum())
            total[1] += float(((quantized.value(tensor) - value) ** 2).sum())
    shares = {tensor: noise / signal for tensor, (signal, noise) in sums.items() if signal}
    operators = []
    for operator in known:
        tensor = operator.tensors[0]
        if operator.name not in _MOVES and tensor in shares:
            signal, noise = sums[tensor]
            entering = max((shares.get(name, 0.0) for name in operator.inputs), default=0.0)
            layer = names.main(operator.tensors)
            in_float = is_float.get(tensor, False)
            operators.append(
                OperatorError(layer, operator.name, tensor, signal, noise, entering, operator.multiply_adds, in_float)
            )
    if not operators:
        raise ValueError("The two files have no activation in common: they are not of the same model")
    return tuple(operators)


class _Run:
    """A file that keeps all activations of its last run."""

    def __init__(self, file):
        interpreter_module = require("ai_edge_litert.interpreter")
        with silenced_output():
            self._interpreter = interpreter_module.Interpreter(
                model_content=file.data,
                # A delegate does not show the activations of its partitions.
                experimental_op_resolver_type=interpreter_module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
                num_threads=2,
            )
            self._interpreter.allocate_tensors()
        if CLIP not in file.inputs:
            raise ValueError(f"{file.name} must take clips. Received: inputs {list(file.inputs)}")
        self._clip = file.inputs[CLIP]
        self._dtype = file.tensor(self._clip).dtype
        self.tensors = {file.tensor_name(index): index for index in range(len(file.graph.tensors))}
        self._file = file

    def __call__(self, clip):
        self._interpreter.set_tensor(self._clip, clip.astype(self._dtype))
        self._interpreter.invoke()

    def value(self, tensor):
        """The real values of a tensor."""
        index = self.tensors[tensor]
        return self._file.tensor(index).real(self._interpreter.get_tensor(index))

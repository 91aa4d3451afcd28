"""How much noise the integers of a quantised file add, layer by layer."""

import dataclasses
import math

from keras_action.litert.arguments import check_model
from keras_action.litert.clip_graph import float_clip_file
from keras_action.litert.clips import iterate_clips
from keras_action.litert.extras import require
from keras_action.litert.inspection import CONVERSIONS, inspect_bytes
from keras_action.litert.layer_names import LayerNames
from keras_action.litert.metadata import read_file
from keras_action.litert.quiet import quiet
from keras_action.litert.signature import SIGNATURE, real_values

# Their values are those of their input, at other places.
_MOVES = (*CONVERSIONS, "RESHAPE", "TRANSPOSE", "STRIDED_SLICE", "SLICE", "PAD", "PACK", "SPLIT", "CONCATENATION")


@dataclasses.dataclass(frozen=True)
class OperatorError:
    """The noise in what an operator gives: the difference between the integers' values and the floats'.

    Args:
        layer: The Keras layer it comes from, or the tensor's name where that is not known.
        operator: As `"CONV_2D"`.
        tensor: The name of the tensor it gives.
        signal: The sum of the squares of the float values.
        noise: The sum of the squares of the differences.
        entering: The highest share of noise in what it takes.
        multiply_adds: How many it takes.
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
        """The share of noise that was not there in any of what it takes."""
        return max(self.share - self.entering, 0.0)

    @property
    def snr_db(self):
        """The signal-to-noise ratio in decibels: 10 log10 (signal / noise)."""
        return 10 * math.log10(self.signal / self.noise) if self.noise else math.inf


@dataclasses.dataclass(frozen=True)
class QuantizationErrorReport:
    """The noise of all operators that compute something, in the order in which they run.

    Args:
        operators: The `OperatorError` of each.
        num_clips: The number of clips on which it was measured.
    """

    operators: tuple[OperatorError, ...]
    num_clips: int

    @property
    def layers(self):
        """The signal-to-noise ratio, in decibels, of what each layer gives: that of its last operator."""
        return {operator.layer: operator.snr_db for operator in self.operators}

    def worst(self, count=10):
        """The operators that add most noise, the worst first."""
        return sorted(self.operators, key=lambda operator: operator.added, reverse=True)[:count]

    def to_dict(self):
        """The report as a dict that JSON can hold."""
        return {
            "clips": self.num_clips,
            "operators": [
                {
                    "layer": operator.layer,
                    "operator": operator.operator,
                    "snr_db": operator.snr_db if math.isfinite(operator.snr_db) else None,
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
    """Measure the noise of a quantised file, operator by operator.

    The model's float file and the quantised one are run side by side, and each tensor of the one is compared with the
    tensor of the same name of the other. The noise of an operator is that of all before it and its own: what it adds
    is the difference to the noisiest tensor that it takes.

    Args:
        path: The `.tflite` file, of quantization `"int8"` or `"int16x8"`.
        model: The Keras model it was converted from.
        clips: RGB in 0..255: an array `(N, T, H, W, 3)`, or an iterable of clips or batches, or of tuples that begin
            with one.
        limit: How many clips are used at most. All activations of both files are kept in memory: for a MobileNetV2
            and 8 frames of 224 × 224 some hundred MB.

    Returns:
        A `QuantizationErrorReport`.

    Raises:
        ValueError: If it is no integer file of this model, or there is no clip.

    Example:

    >>> report = quantization_error("gesture.tflite", model, clips)
    >>> print(report.table())
    >>> plots.save_figure(plots.quantization_error_figure(report), "noise.png")
    """
    samples = [{"clip": clip} for clip in iterate_clips(clips, check_model(model), limit=limit)]
    report = compare_files(float_clip_file(model), read_file(path), samples, LayerNames(model))
    if all(operator.is_float for operator in report.operators):
        raise ValueError(f"{path} has no integers of this model's: it is no int8 or int16x8 file of it")
    return report


def compare_files(floats, integers, samples, names):
    """The `QuantizationErrorReport` of the bytes of two files, on dicts of float inputs."""
    known = [operator for operator in inspect_bytes(floats).graph if operator.tensors]
    graph = [operator for operator in known if operator.name not in _MOVES]
    is_float = {tensor: operator.is_float for operator in inspect_bytes(integers).graph for tensor in operator.tensors}
    reference, quantized = _Run(floats), _Run(integers)
    sums = {operator.tensors[0]: [0.0, 0.0] for operator in known if operator.tensors[0] in quantized.places}
    for sample in samples:
        reference(sample)
        quantized(sample)
        for tensor, total in sums.items():
            value = reference.value(tensor).astype("float64")
            total[0] += float((value**2).sum())
            total[1] += float(((quantized.value(tensor) - value) ** 2).sum())
    shares = {tensor: noise / signal for tensor, (signal, noise) in sums.items() if signal}
    operators = []
    for operator in graph:
        tensor = operator.tensors[0]
        if tensor in shares:
            signal, noise = sums[tensor]
            entering = max((shares.get(name, 0.0) for name in operator.inputs), default=0.0)
            layer = names.main(operator.tensors)
            macs, float_there = operator.multiply_adds, is_float.get(tensor, False)
            operators.append(OperatorError(layer, operator.name, tensor, signal, noise, entering, macs, float_there))
    if not operators:
        raise ValueError("The two files have no activation in common: they are not of the same model")
    return QuantizationErrorReport(tuple(operators), len(samples))


class _Run:
    """A file that keeps all activations of its last run."""

    def __init__(self, file):
        interpreter_module = require("ai_edge_litert.interpreter")
        with quiet():
            self._interpreter = interpreter_module.Interpreter(
                model_content=bytes(file),
                # A delegate shows nothing of what is inside a partition.
                experimental_op_resolver_type=interpreter_module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
                num_threads=2,
            )
            self._interpreter.allocate_tensors()
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        self._dtypes = {name: details["dtype"] for name, details in self._run.get_input_details().items()}
        self._details = {tensor["name"]: tensor for tensor in self._interpreter.get_tensor_details()}
        self.places = set(self._details)

    def __call__(self, sample):
        self._run(**{name: value.astype(self._dtypes[name]) for name, value in sample.items()})

    def value(self, tensor):
        """The real values of a tensor."""
        details = self._details[tensor]
        return real_values(self._interpreter.get_tensor(details["index"]), details["quantization"])

"""LiteRT files: convert, describe, run, verify and time them."""

from keras_action.litert.arguments import QUANTIZATIONS
from keras_action.litert.benchmark import LatencyReport, benchmark
from keras_action.litert.convert import ConversionReport, convert
from keras_action.litert.describe import describe
from keras_action.litert.inspection import FileSummary, inspect_file
from keras_action.litert.metadata import Metadata, read_metadata, write_metadata
from keras_action.litert.model import LiteRTModel
from keras_action.litert.quantization_error import QuantizationErrorReport, quantization_error
from keras_action.litert.requirements import ConversionError
from keras_action.litert.stream import LiteRTStream
from keras_action.litert.verify import VerificationReport, verify

__all__ = [
    "QUANTIZATIONS",
    "ConversionError",
    "ConversionReport",
    "FileSummary",
    "LatencyReport",
    "LiteRTModel",
    "LiteRTStream",
    "Metadata",
    "QuantizationErrorReport",
    "VerificationReport",
    "benchmark",
    "convert",
    "describe",
    "inspect_file",
    "quantization_error",
    "read_metadata",
    "verify",
    "write_metadata",
]

"""LiteRT files: convert, describe, run, verify and time them."""

from keras_action.litert.benchmark import LatencyReport, benchmark
from keras_action.litert.convert import QUANTIZATIONS, ConversionError, ConversionReport, convert
from keras_action.litert.inspection import FileSummary, inspect_file
from keras_action.litert.metadata import Metadata, read_metadata, write_metadata
from keras_action.litert.model import LiteRTModel
from keras_action.litert.verify import VerificationReport, verify

__all__ = [
    "QUANTIZATIONS",
    "ConversionError",
    "ConversionReport",
    "FileSummary",
    "LatencyReport",
    "LiteRTModel",
    "Metadata",
    "VerificationReport",
    "benchmark",
    "convert",
    "inspect_file",
    "read_metadata",
    "verify",
    "write_metadata",
]

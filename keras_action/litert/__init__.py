"""LiteRT files: conversion, inspection, execution, verification and latency."""

from keras_action.litert.conversion import ConversionReport, convert
from keras_action.litert.description import describe
from keras_action.litert.error_report import QuantizationErrorReport, quantization_error
from keras_action.litert.file import LiteRTFile
from keras_action.litert.inspection import FileSummary, inspect_file
from keras_action.litert.latency import LatencyReport, benchmark
from keras_action.litert.metadata import Metadata, read_metadata, write_metadata
from keras_action.litert.model import LiteRTModel
from keras_action.litert.requirements import QUANTIZATIONS, ConversionError
from keras_action.litert.stream import LiteRTStream
from keras_action.litert.verification import VerificationReport, verify

__all__ = [
    "QUANTIZATIONS",
    "ConversionError",
    "ConversionReport",
    "FileSummary",
    "LatencyReport",
    "LiteRTFile",
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

"""The machine on which a benchmark runs."""

import importlib.metadata
import os
import platform
from pathlib import Path


def machine():
    """Processor, cores and versions, in one line."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    version = importlib.metadata.version("ai-edge-litert")
    return f"{processor}, {os.cpu_count()} cores, ai-edge-litert {version}, Python {platform.python_version()}"

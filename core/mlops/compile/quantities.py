"""Amounts of memory and processors as a service specification writes them, and as numbers that can be compared.

Source: Snowflake documentation, "Service specification reference", containers.resources.
"""

from __future__ import annotations

import re

_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(Mi|M|Gi|G)\Z")
_BYTES = {"M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30}
_CPU = re.compile(r"(?:[0-9]+m|[0-9]+(?:\.[0-9]+)?)\Z")

MEMORY_RULE = "a number with M, Mi, G or Gi, for example 2Gi"
CPU_RULE = "a number of cores, for example 0.5 or 500m"


def memory_bytes(text: str) -> int:
    """Return an amount of memory in bytes.

    Raises:
        ValueError: it is not a number with a unit, or nothing.
    """
    match = _MEMORY.match(text) if isinstance(text, str) else None
    amount = round(float(match[1]) * _BYTES[match[2]]) if match else 0
    if not amount:
        raise ValueError(f"memory is {MEMORY_RULE}, not {text!r}")
    return amount


def cpu_cores(value: str | int | float) -> float:
    """Return an amount of processors in cores: ``500m`` is half a core.

    Raises:
        ValueError: it is not such an amount.
    """
    text = str(value)
    if isinstance(value, bool) or not _CPU.match(text):
        raise ValueError(f"cpu is {CPU_RULE}, not {value!r}")
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)


def as_cpu(cores: float) -> int | float:
    """Return cores as a specification writes them: whole ones without a point."""
    return int(cores) if float(cores).is_integer() else cores

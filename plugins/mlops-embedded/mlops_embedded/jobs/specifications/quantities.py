"""Amounts in a specification: memory with its unit, CPUs in cores or thousandths."""

from __future__ import annotations

import re

from mlops_embedded.jobs.specifications.fields import SpecificationError

_UNITS = {"M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30}


def memory_bytes(value: object, path: str) -> int:
    """Read `512Mi`, `2G`, `1.5Gi`; Snowflake refuses memory without a unit."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(M|Mi|G|Gi)", value) if isinstance(value, str) else None
    if match is None:
        raise SpecificationError(
            path, f"must be an amount with a unit of {', '.join(_UNITS)} (such as 2Gi), not {value!r}"
        )
    size = int(float(match[1]) * _UNITS[match[2]])
    if size <= 0:
        raise SpecificationError(path, "must be more than nothing")
    return size


def cpus(value: object, path: str) -> float:
    """Read `0.5`, `2` or `500m` (thousandths of a core)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        cores = float(value)
    elif isinstance(value, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", value)):
        cores = float(match[1]) / (1000 if match[2] else 1)
    else:
        raise SpecificationError(path, f"must be a number of cores (0.5) or thousandths (500m), not {value!r}")
    if cores < 0:
        raise SpecificationError(path, "must not be negative")
    return cores

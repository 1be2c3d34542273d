"""Quantities as people read them: durations, sizes and measured numbers, the same in every answer and drawing."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """Return a duration for people: ``35 ms``, ``4.2 s``, ``3 min 12 s``; empty for None."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int | None) -> str:
    """Return a number of bytes for people: ``1.4 MB``; empty for None."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    units = ("kB", "MB", "GB", "TB")
    power = next((power for power in range(len(units)) if count < 999.95 * 1000 ** (power + 1)), len(units) - 1)
    return f"{count / 1000 ** (power + 1):.1f} {units[power]}"


def number(value: float) -> str:
    """Return a measured number with four figures that count."""
    return f"{value:.4g}" if abs(value) < 1e6 else f"{value:,.0f}"

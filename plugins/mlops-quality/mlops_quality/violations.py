"""Violations: what pandera found wrong with a table, as sentences that name the column, the check and the rows."""

from __future__ import annotations

from typing import Any

from pandera.errors import SchemaErrors

from mlops_quality.schemas import Schema

SHOWN = 5
"""How many rows, with what stands in them, a sentence names."""


def violations(found: Schema, value: object) -> list[str]:
    """Return a sentence for each column and check that a table fails; none where it fits its schema."""
    table: Any = value  # Any: pandera takes several kinds of tables
    if type(value).__module__.partition(".")[0] == "pyarrow":
        table = table.to_pandas()
    elif not hasattr(table, "columns"):
        return [f"it has the schema {found.place} and is {type(value).__name__}, which is no table"]
    try:
        found.schema.validate(table, lazy=True)
    except SchemaErrors as failed:
        return _sentences(failed, len(table), found)
    return []


def _sentences(failed: SchemaErrors, rows: int, found: Schema) -> list[str]:
    cases = failed.failure_cases
    if type(cases).__module__.startswith("polars"):
        cases = cases.to_pandas()
    sentences = []
    for (column, check), group in cases.groupby(["column", "check"], dropna=False, sort=False):
        where = _where(column, check, group)
        bad = group["index"].dropna()
        if bad.empty:
            detail = ", ".join(str(case) for case in group["failure_case"].unique()[:SHOWN])
            sentences.append(f"{where}: {check} ({detail})")
            continue
        shown = ", ".join(
            f"{_label(index)} ({case!r})"
            for index, case in zip(bad.head(SHOWN), group["failure_case"].head(SHOWN), strict=True)
        )
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        noun = "row" if rows == 1 else "rows"
        sentences.append(f"{where}: {len(bad)} of {rows} {noun} fail {check}: {shown}{more}")
    return [f"{sentence} [{found.place} of {found.distribution}]" for sentence in sentences]


def _where(column: Any, check: Any, group: Any) -> str:
    if check == "column_in_dataframe":
        return f"column {group['failure_case'].iloc[0]!r}"
    if isinstance(column, str) and column != "None" and set(group["schema_context"]) <= {"Column"}:
        return f"column {column!r}"
    return (
        "the table"
        if set(group["schema_context"]) <= {"DataFrameSchema"}
        else f"{group['schema_context'].iloc[0].lower()}"
    )


def _label(index: Any) -> str:
    return str(int(index)) if isinstance(index, float) and index.is_integer() else str(index)

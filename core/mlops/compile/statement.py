"""The body of a task: the statement that runs a job, with its specification inside.

Source: Snowflake documentation, "EXECUTE JOB SERVICE": the specification is the last clause; without a name every run
gets one of its own; synchronous, so that the task fails when the container does.
"""

from __future__ import annotations

from collections.abc import Sequence

FROM = "FROM SPECIFICATION"


def execute_job_service(
    specification: str,
    *,
    compute_pool: str,
    query_warehouse: str | None = None,
    replicas: int = 1,
    external_access_integrations: Sequence[str] = (),
) -> str:
    """Return the statement; names are stored names.

    Raises:
        ValueError: the specification holds ``$$``, which would end it.
    """
    if "$$" in specification:
        raise ValueError("the specification holds $$, which would end it inside the statement")
    lines = [f"EXECUTE JOB SERVICE IN COMPUTE POOL {compute_pool}"]
    if query_warehouse is not None:
        lines.append(f"QUERY_WAREHOUSE = {query_warehouse}")
    if replicas > 1:
        lines.append(f"REPLICAS = {replicas}")
    if external_access_integrations:
        lines.append(f"EXTERNAL_ACCESS_INTEGRATIONS = ({', '.join(external_access_integrations)})")
    return "\n".join([*lines, f"{FROM} $$", f"{specification}$$"])


def parts_of(definition: str) -> tuple[str, str | None]:
    """Return what stands before the specification of a body, and the specification; None for a body without one."""
    head, mark, rest = definition.partition(f"\n{FROM} $$\n")
    return (f"{head}\n{FROM}", rest.removesuffix("$$")) if mark else (definition, None)


def literal(text: str) -> str:
    """Return a text as a statement holds it."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"

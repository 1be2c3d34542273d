"""What roles need that do not own a deployment: one that operates it, and one that calls its services."""

from __future__ import annotations

from mlops.compile.objects import Deployment
from mlops.compile.privileges import SERVICE_ROLE, Privilege, merged, spec_in
from mlops.compile.statement import parts_of

_ALL_ENDPOINTS = "ALL_ENDPOINTS_USAGE"
"""The service role that each service has without declaring one."""


def operator_privileges(deployment: Deployment, *, warehouse: str | None) -> list[Privilege]:
    """Return what a role needs that does not own the tasks, to see, start, suspend and retry them and to read their logs.

    ``warehouse`` is the one that answers its questions about runs.
    """
    schema = f"{deployment.database}.{deployment.schema}"
    found = [
        Privilege("DATABASE", deployment.database, "USAGE", ("operate",), "the tasks are in it"),
        Privilege("SCHEMA", schema, "USAGE", ("operate",), "the tasks are in it"),
    ]
    for task in deployment.tasks:
        found.append(Privilege("TASK", f"{schema}.{task.name}", "MONITOR", ("operate",), "status and runs"))
        found.append(
            Privilege("TASK", f"{schema}.{task.name}", "OPERATE", ("operate",), "suspend, resume, trigger and retry")
        )
    jobs = any(parts_of(task.definition)[1] is not None for task in deployment.tasks)
    if jobs or deployment.services:
        found.append(
            Privilege("FUTURE SERVICES IN SCHEMA", schema, "MONITOR", ("operate",), "logs: every run starts new jobs")
        )
    if warehouse is not None:
        found.append(Privilege("WAREHOUSE", warehouse, "USAGE", ("operate",), "questions about runs are queries"))
    return merged(found)


def caller_privileges(deployment: Deployment) -> list[Privilege]:
    """Return what a role needs that calls the services of a deployment: their functions in SQL, and their endpoints.

    The services must be there: a service role is part of one, and goes when it is dropped.

    Source: Snowflake documentation, "GRANT SERVICE ROLE"; "Working with services", privileges for service functions.
    """
    if not deployment.services:
        return []
    schema = f"{deployment.database}.{deployment.schema}"
    found = [
        Privilege("DATABASE", deployment.database, "USAGE", ("call",), "the services are in it"),
        Privilege("SCHEMA", schema, "USAGE", ("call",), "the services are in it"),
    ]
    for function in deployment.functions:
        name = f"{schema}.{function.name}({', '.join(function.arguments.values())})"
        found.append(Privilege("FUNCTION", name, "USAGE", ("call",), f"in SQL, service {function.service} answers"))
    for service in deployment.services:
        if spec_in(service.specification).get("endpoints"):
            name = f"{schema}.{service.name}!{_ALL_ENDPOINTS}"
            why = "its endpoints, from outside and from services of other roles"
            found.append(Privilege(SERVICE_ROLE, name, "USAGE", ("call",), why))
    return merged(found)

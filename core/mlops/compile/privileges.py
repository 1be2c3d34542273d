"""The privileges that a deployment takes: the least that the role must hold that owns it.

The role that deploys owns the tasks, and tasks and their jobs run as their owner: so one role deploys and runs. What it
creates it owns, and needs no privilege on.

Source: Snowflake documentation, "Introduction to tasks", task security; "EXECUTE JOB SERVICE", "CREATE SERVICE" and
"Feature Store: access control", required privileges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from mlops.compile.names import qualified
from mlops.compile.objects import Deployment, Service, Task
from mlops.compile.statement import parts_of

Purpose = Literal["deploy", "run", "operate", "call"]

_POOL = re.compile(r"IN COMPUTE POOL (\S+)")
_WAREHOUSE = re.compile(r"QUERY_WAREHOUSE = (\S+)")
_INTEGRATIONS = re.compile(r"EXTERNAL_ACCESS_INTEGRATIONS = \(([^)]*)\)")
_STREAM = re.compile(r"SYSTEM\$STREAM_HAS_DATA\('([^']+)'\)", re.IGNORECASE)
_EXPERIMENT = "experiment"
_OF_SERVICES = {
    _EXPERIMENT: ("CREATE EXPERIMENT",),
    "feature_store": ("CREATE DYNAMIC TABLE", "CREATE VIEW", "CREATE TABLE", "CREATE TAG", "CREATE DATASET"),
    "model_registry": ("CREATE MODEL",),
}
"""What a node that asks for one of Snowflake's services does in the deployment's schema."""

SERVICE_ROLE = "SERVICE ROLE"


class Privilege(Struct, frozen=True, order=True):
    """One privilege on one thing. ``kind`` is Snowflake's word for it, ``name`` its qualified name; the account has none."""

    kind: str
    name: str
    privilege: str
    purposes: tuple[Purpose, ...] = ("run",)
    why: str = ""

    def grant(self, role: str) -> str:
        """Return the statement that gives it to a role; a service role is given itself."""
        if self.kind == SERVICE_ROLE:
            return f"GRANT {SERVICE_ROLE} {self.name} TO ROLE {role};"
        return f"GRANT {self.privilege} ON {' '.join(filter(None, [self.kind, self.name]))} TO ROLE {role};"


def owner_privileges(
    deployment: Deployment,
    *,
    services: Mapping[str, Iterable[str]] | None = None,
    notification: str | None = None,
) -> list[Privilege]:
    """Return what the role needs that deploys and so owns the tasks: to deploy, and for their runs.

    ``services`` are those that nodes ask for, by full name; ``notification`` is the integration that failures go to.
    What nodes do beside that in tables of their own is not known here.
    """
    found = [
        *_of_place(deployment),
        *_of_objects(deployment),
        *(one for task in deployment.tasks for one in _of_task(task, deployment)),
        *(one for service in deployment.services for one in _of_service(service, deployment)),
    ]
    if notification is not None:
        found.append(Privilege("INTEGRATION", notification.upper(), "USAGE", ("run",), "failures are told through it"))
    schema = f"{deployment.database}.{deployment.schema}"
    asking: dict[str, list[str]] = {}
    for node, asked in sorted((services or {}).items()):
        for service in (_EXPERIMENT, *asked) if asked else ():
            asking.setdefault(service, []).append(node.rpartition(":")[2])
    for service, nodes in asking.items():
        why = _metrics_of(nodes) if service == _EXPERIMENT else f"{_asked_by(nodes)} for {service}"
        found += [Privilege("SCHEMA", schema, each, ("run",), why) for each in _OF_SERVICES.get(service, ())]
    return merged(found)


def _asked_by(nodes: list[str]) -> str:
    return f"node {nodes[0]} asks" if len(nodes) == 1 else f"nodes {', '.join(nodes)} ask"


def _metrics_of(nodes: list[str]) -> str:
    return f"metrics of {'node' if len(nodes) == 1 else 'nodes'} {', '.join(nodes)} are kept as an experiment, too"


class HeldPrivilege(Struct, frozen=True):
    """One privilege that a role holds, itself or by a role that it has: ``name`` is qualified, the account has none."""

    kind: str
    name: str
    privilege: str


def missing(needed: Iterable[Privilege], held: Iterable[HeldPrivilege]) -> list[Privilege]:
    """Return those of the privileges that a role does not hold. Who owns a thing needs no other privilege on it."""
    known = {(one.kind, one.name, one.privilege) for one in held}
    return [
        one
        for one in needed
        if not any(
            (one.kind, "" if one.kind == "ACCOUNT" else one.name, privilege) in known
            for privilege in (one.privilege, "OWNERSHIP", "ALL")
        )
    ]


def merged(found: Iterable[Privilege]) -> list[Privilege]:
    """Return each privilege once, by what it is on and in the order of the privileges, with every purpose and reason."""
    each: dict[tuple[str, str, str], Privilege] = {}
    for one in found:
        key = (one.kind, one.name, one.privilege)
        before = each.get(key)
        if before is None:
            each[key] = one
            continue
        purposes = tuple(sorted({*before.purposes, *one.purposes}))
        reasons = list(dict.fromkeys([*filter(None, before.why.split("; ")), *filter(None, one.why.split("; "))]))
        each[key] = Privilege(one.kind, one.name, one.privilege, purposes, "; ".join(reasons))
    order = ["ACCOUNT", "DATABASE", "SCHEMA", "WAREHOUSE", "COMPUTE POOL"]
    first = {privilege: at for at, (_, _, privilege) in reversed(list(enumerate(each)))}

    def place(one: Privilege) -> tuple[int, str, int, str]:
        rank = order.index(one.kind) if one.kind in order else len(order)
        return rank, one.kind, first[one.privilege], one.name

    return sorted(each.values(), key=place)


def _of_place(deployment: Deployment) -> Iterator[Privilege]:
    schema = f"{deployment.database}.{deployment.schema}"
    yield Privilege("DATABASE", deployment.database, "USAGE", ("deploy", "run"), "everything is in it")
    yield Privilege("SCHEMA", schema, "USAGE", ("deploy", "run"), "everything is in it")
    yield Privilege("SCHEMA", schema, "CREATE TASK", ("deploy",), "the task graph")


def _of_objects(deployment: Deployment) -> Iterator[Privilege]:
    schema = f"{deployment.database}.{deployment.schema}"
    for pool in deployment.compute_pools:
        if pool.managed:
            yield Privilege("ACCOUNT", "", "CREATE COMPUTE POOL", ("deploy",), f"pool {pool.name}")
    for repository in deployment.image_repositories:
        yield Privilege("SCHEMA", schema, "CREATE IMAGE REPOSITORY", ("deploy",), f"repository {repository.name}")
    for stage in deployment.stages:
        yield Privilege("SCHEMA", schema, "CREATE STAGE", ("deploy",), f"stage {stage.name} for datasets")
    for function in deployment.functions:
        yield Privilege("SCHEMA", schema, "CREATE FUNCTION", ("deploy",), f"service function {function.name}")


def _of_task(task: Task, deployment: Deployment) -> Iterator[Privilege]:
    yield Privilege("ACCOUNT", "", "EXECUTE TASK", ("deploy", "run"), "tasks run as their owner")
    if task.warehouse is None:
        yield Privilege("ACCOUNT", "", "EXECUTE MANAGED TASK", ("deploy", "run"), "tasks without a warehouse")
    else:
        yield Privilege("WAREHOUSE", task.warehouse, "USAGE", ("run",), "tasks run in it")
    for integration in (task.error_integration, task.success_integration):
        if integration is not None:
            yield Privilege(
                "INTEGRATION", integration, "USAGE", ("deploy", "run"), "what tasks come to is told through it"
            )
    for stream in _STREAM.findall(task.condition or ""):
        yield Privilege("STREAM", _full(stream, deployment), "SELECT", ("run",), "new rows start a run")
    head, specification = parts_of(task.definition)
    if specification is None:
        return
    yield Privilege(
        "SCHEMA", f"{deployment.database}.{deployment.schema}", "CREATE SERVICE", ("run",), "jobs are services"
    )
    pool, warehouse, integrations = _POOL.search(head), _WAREHOUSE.search(head), _INTEGRATIONS.search(head)
    if pool is not None:
        yield from _of_pool(pool[1], deployment, ("run",))
    if warehouse is not None:
        yield Privilege("WAREHOUSE", warehouse[1], "USAGE", ("run",), "queries of nodes run in it")
    for integration in integrations[1].split(",") if integrations is not None else ():
        yield Privilege("INTEGRATION", integration.strip(), "USAGE", ("run",), "containers reach out through it")
    yield from _of_specification(specification, deployment, ("run",))


def _of_service(service: Service, deployment: Deployment) -> Iterator[Privilege]:
    schema = f"{deployment.database}.{deployment.schema}"
    yield Privilege("SCHEMA", schema, "CREATE SERVICE", ("deploy",), f"service {service.name}")
    yield from _of_pool(service.compute_pool, deployment, ("deploy", "run"))
    if service.query_warehouse is not None:
        yield Privilege("WAREHOUSE", service.query_warehouse, "USAGE", ("deploy", "run"), "queries of nodes run in it")
    for integration in service.external_access_integrations:
        yield Privilege("INTEGRATION", integration, "USAGE", ("deploy", "run"), "containers reach out through it")
    yield from _of_specification(service.specification, deployment, ("deploy", "run"))


def _of_pool(name: str, deployment: Deployment, purposes: tuple[Purpose, ...]) -> Iterator[Privilege]:
    if not any(pool.managed and pool.name == name for pool in deployment.compute_pools):
        yield Privilege("COMPUTE POOL", name, "USAGE", purposes, "containers run on it")


def _of_specification(text: str, deployment: Deployment, purposes: tuple[Purpose, ...]) -> Iterator[Privilege]:
    spec = spec_in(text)
    own = {repository.name for repository in deployment.image_repositories}
    stages = {f"{deployment.database}.{deployment.schema}.{stage.name}" for stage in deployment.stages}
    for container in spec.get("containers", ()):
        parts = str(container.get("image", "")).split("/")[1:4]
        if len(parts) == 3 and not (parts[2].upper() in own and _is_place(parts, deployment)):
            database, schema, repository = (part.upper() for part in parts)
            yield from _around(database, schema, deployment, purposes, "its image repository is used")
            name = f"{database}.{schema}.{repository}"
            yield Privilege("IMAGE REPOSITORY", name, "READ", purposes, "containers run its image")
        for secret in container.get("secrets", ()):
            named = secret.get("snowflakeSecret")
            named = named.get("objectName") if isinstance(named, dict) else named
            if named:
                name = _full(str(named), deployment)
                database, schema, _ = name.split(".", 2)
                yield from _around(database, schema, deployment, purposes, "its secret is used")
                yield Privilege("SECRET", name, "READ", purposes, "containers get it")
    for volume in spec.get("volumes", ()):
        location = str((volume.get("stageConfig") or {}).get("name", ""))
        name = _full(location.removeprefix("@").partition("/")[0], deployment)
        if location and name not in stages:
            database, schema, _ = name.split(".", 2)
            yield from _around(database, schema, deployment, purposes, "its stage is used")
            for privilege in ("READ", "WRITE"):
                yield Privilege("STAGE", name, privilege, purposes, "containers mount it")
    if any(endpoint.get("public") for endpoint in spec.get("endpoints", ())):
        yield Privilege("ACCOUNT", "", "BIND SERVICE ENDPOINT", purposes, "a public endpoint")


def _around(
    database: str, schema: str, deployment: Deployment, purposes: tuple[Purpose, ...], why: str
) -> Iterator[Privilege]:
    if database != deployment.database:
        yield Privilege("DATABASE", database, "USAGE", purposes, why)
    if (database, schema) != (deployment.database, deployment.schema):
        yield Privilege("SCHEMA", f"{database}.{schema}", "USAGE", purposes, why)


def _is_place(parts: list[str], deployment: Deployment) -> bool:
    return [part.upper() for part in parts[:2]] == [deployment.database, deployment.schema]


def _full(name: str, deployment: Deployment) -> str:
    """Return a name with its database and schema: those of the deployment where it has none."""
    parts = (qualified(name) or name.upper()).split(".")
    return ".".join([deployment.database, deployment.schema][: max(3 - len(parts), 0)] + parts)


def spec_in(text: str) -> dict[str, Any]:  # Any: YAML
    """Return what a specification says under ``spec``."""
    import yaml

    found: Any = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # a safe loader
    return found.get("spec") or {} if isinstance(found, dict) else {}

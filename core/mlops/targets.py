"""A target: one place where pipelines run or are deployed, and all that is chosen for it.

Read from ``[tool.mlops.targets.NAME]``. A target may extend another one, so that dev and prod share everything but what
they name. A target holds names and numbers alone: credentials stay in Snowflake's own ``connections.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from mlops.errors import MlopsError, SettingsError, closest

ServicesChoice = Literal["auto", "embedded", "none"]
OverlapPolicy = Literal["NO_OVERLAP", "ALLOW_CHILD_OVERLAP", "ALLOW_ALL_OVERLAP"]


class Pool(Struct, frozen=True, forbid_unknown_fields=True):
    """A compute pool of a target. With ``managed`` false it belongs to others: it is used, never created or changed.

    Source: Snowflake documentation, "CREATE COMPUTE POOL".
    """

    name: str
    instance_family: str = "CPU_X64_S"
    min_nodes: int = 1
    max_nodes: int = 1
    auto_resume: bool = True
    auto_suspend_secs: int = 300
    managed: bool = True


class TaskOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """How the tasks of a target are scheduled. Seconds where no other unit is named.

    ``warehouse`` runs the tasks' statements; without one they are serverless. ``graph_timeout`` bounds a whole run; without
    it the bound is what the longest chain of nodes may take. ``start_timeout`` is what a container may need to start: each
    task's own bound is that of its nodes and this. ``when`` is a condition without which a run is skipped.

    Source: Snowflake documentation, "CREATE TASK".
    """

    warehouse: str | None = None
    started: bool = True
    overlap_policy: OverlapPolicy = "NO_OVERLAP"
    auto_retry_attempts: int = 0
    suspend_after_failures: int | None = None
    graph_timeout: int | None = None
    node_timeout: int = 3600
    start_timeout: int = 600
    when: str | None = None
    error_integration: str | None = None
    success_integration: str | None = None
    target_completion_interval: int | None = None


class Secret(Struct, frozen=True, forbid_unknown_fields=True):
    """A reference to a secret of Snowflake, given to containers as a variable or a folder; never its value."""

    secret: str
    variable: str | None = None
    key: Literal["username", "password", "secret_string", "access_token"] | None = None
    folder: str | None = None


class NodeOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What a target chooses for one node in place of what its author said. ``pool`` is a key of the target's pools.

    ``when`` is a condition without which its task is skipped. ``job`` is a file with a service specification written by
    hand, from the project's folder.
    """

    cpu: float | None = None
    memory: str | None = None
    gpu: int | None = None
    pool: str | None = None
    timeout: int | None = None
    group: str | None = None
    partitions: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    when: str | None = None
    job: str | None = None


class Notification(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told when a run fails: a notification integration, and recipients where it sends mail."""

    integration: str
    email: tuple[str, ...] = ()
    subject: str = ""


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a pipeline runs and is deployed.

    ``connection`` names a section of Snowflake's connections.toml; without one the target is this machine with the
    embedded Snowflake, where its plugin is installed. ``image`` is ``/database/schema/repository/name:tag`` or a name
    and tag inside ``image_repository``. ``pools`` are by a name of the project's own; ``default`` serves every node that
    chooses none. ``width`` is how many calls a deployment makes at once.
    """

    name: str = "local"
    extends: str | None = None
    connection: str | None = None
    services: ServicesChoice | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # Any: checked against each node's types
    database: str | None = None
    schema: str | None = None
    warehouse: str | None = None
    role: str | None = None
    image: str | None = None
    image_repository: str = "MLOPS_IMAGES"
    stage: str = "MLOPS_DATA"
    pools: Mapping[str, Pool] = field(default_factory=dict)
    nodes: Mapping[str, NodeOptions] = field(default_factory=dict)
    tasks: TaskOptions = TaskOptions()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    external_access_integrations: tuple[str, ...] = ()
    log_level: Literal["INFO", "ERROR", "NONE"] = "INFO"
    metric_groups: tuple[str, ...] = ()
    on_failure: Notification | None = None
    width: int = 32


FIELDS = frozenset(Target.__struct_fields__) - {"name"}


def targets_of(tables: Mapping[str, Any], place: str, problems: list[MlopsError]) -> dict[str, Target]:  # Any: TOML
    """Return the targets that tables declare, by name, with the built-in ``local``; what is wrong goes into ``problems``.

    ``place`` is where the tables stand, as a message names it, with ``{}`` for what is below ``targets``.
    """
    targets = {"local": Target("local")}
    for name in tables:
        try:
            targets[name] = _target(name, _with_what_it_extends(name, tables, place), place)
        except MlopsError as problem:
            problems.append(problem)
    return targets


def _with_what_it_extends(
    name: str, tables: Mapping[str, Any], place: str, seen: tuple[str, ...] = ()
) -> dict[str, Any]:
    table = tables[name]
    if not isinstance(table, Mapping):
        raise SettingsError(place=place.format(name), problem="it is not a table")
    base = table.get("extends")
    if base is None or base == "local":
        return dict(table)
    if base not in tables:
        similar = closest(str(base), tables)
        raise SettingsError(
            place=place.format(f"{name}.extends"),
            problem=f"there is no target {base!r}",
            hint=f"did you mean {similar!r}?" if similar else f"the targets are: {', '.join(tables)}",
        )
    if base in (*seen, name):
        raise SettingsError(
            place=place.format(f"{name}.extends"),
            problem=f"targets extend each other in a circle: {' → '.join((*seen, name, base))}",
            hint="let one of them extend nothing",
        )
    return _merged(_with_what_it_extends(base, tables, place, (*seen, name)), table)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        inside = merged.get(key)
        merged[key] = _merged(inside, value) if isinstance(value, Mapping) and isinstance(inside, Mapping) else value
    return merged


def _target(name: str, table: Mapping[str, Any], place: str) -> Target:
    import msgspec

    try:
        return msgspec.convert({**table, "name": name}, Target)
    except msgspec.ValidationError as cause:
        problem, _, path = str(cause).partition(" - at `$")
        key = path.rstrip("`").replace("[...]", "").strip(".")
        unknown = problem.partition("unknown field `")[2].rstrip("`")
        if unknown:
            known = _fields_at(key)
            similar = closest(unknown, known)
            raise SettingsError(
                place=place.format(".".join(part for part in (name, key, unknown) if part)),
                problem="there is no such setting",
                hint=f"did you mean {similar!r}?" if similar else f"there is: {', '.join(sorted(known))}",
            ) from None
        raise SettingsError(place=place.format(f"{name}.{key}" if key else name), problem=problem) from None


def _fields_at(key: str) -> frozenset[str]:
    kinds: dict[str, type[Struct]] = {
        "pools": Pool,
        "tasks": TaskOptions,
        "secrets": Secret,
        "nodes": NodeOptions,
        "on_failure": Notification,
    }
    return frozenset(kinds[key].__struct_fields__) if key in kinds else FIELDS

"""Tables of pipelines in the project file: pipelines of the project's own, and which node writes a dataset in any pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field, to_builtins

from mlops.configuration.project_file import place_of
from mlops.errors import MlopsError, SettingsError
from mlops.pipeline import Pipeline, schedule_from

_SCHEDULE = 'write for example: schedule = { cron = "0 6 * * *", timezone = "Europe/Berlin" }'

Number = Annotated[int, Meta(ge=1)]


class ScheduleTable(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a pipeline runs: ``cron`` with ``timezone``; or ``seconds``, ``minutes``, ``hours``; or ``stream``."""

    cron: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    seconds: Number | UnsetType = UNSET
    minutes: Number | UnsetType = UNSET
    hours: Number | UnsetType = UNSET
    stream: str | UnsetType = UNSET


class PipelineTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A pipeline of the project. Without ``nodes`` it chooses ``writers`` for one that a plugin offers."""

    nodes: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None
    schedule: ScheduleTable | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # Any: checked against each node's types
    finalizer: str | None = None
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    writers: Mapping[str, str] = field(default_factory=dict)


def read_pipelines(
    tables: Any, file: str | None, problems: list[MlopsError]
) -> tuple[tuple[Pipeline, ...], dict[str, Mapping[str, str]]]:  # Any: TOML
    """Return the pipelines that tables declare, and the chosen writers by pipeline; what is wrong goes into ``problems``."""
    from mlops.validation import fitted

    pipelines: list[Pipeline] = []
    writers: dict[str, Mapping[str, str]] = {}
    if not isinstance(tables, Mapping):
        problems.append(SettingsError(place=place_of(file, "pipelines"), problem="it is not a table"))
        return (), {}
    for name, data in tables.items():
        table, misfits = fitted(PipelineTable, data)
        problems.extend(
            SettingsError(
                place=place_of(file, ".".join(("pipelines", name, one.place) if one.path else ("pipelines", name))),
                problem=one.problem,
                hint=_SCHEDULE if one.place == "schedule" else one.hint,
            )
            for one in misfits
        )
        if table is None:
            continue
        if table.writers:
            writers[name] = table.writers
        if table.nodes is None:
            continue
        at = f"pipelines.{name}"
        try:
            schedule = None
            if table.schedule is not None:
                at = f"pipelines.{name}.schedule"
                schedule = schedule_from(to_builtins(table.schedule))
                at = f"pipelines.{name}"
            pipelines.append(
                Pipeline(
                    name=name,
                    nodes=table.nodes,
                    schedule=schedule,
                    parameters=table.parameters,
                    finalizer=table.finalizer,
                    after=table.after,
                    description=table.description,
                )
            )
        except (MlopsError, ValueError, TypeError, OverflowError) as cause:
            hint = getattr(cause, "hint", None)
            problems.append(SettingsError(place=place_of(file, at), problem=str(cause), hint=hint))
    return tuple(pipelines), writers

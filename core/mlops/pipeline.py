"""A pipeline: the nodes that run together, when they run, and with which parameters.

Its edges are not written down: they follow from the datasets that its nodes read and write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec import Struct, field
from msgspec.structs import force_setattr

from mlops.errors import ProjectError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,\-L#?]+\Z")


class Cron(Struct, frozen=True):
    """A schedule of five cron fields (minute, hour, day of month, month, day of week) in a time zone.

    Source: Snowflake documentation, "CREATE TASK", SCHEDULE.
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        fields = self.expression.split()
        if len(fields) != 5 or not all(_CRON_FIELD.match(entry) for entry in fields):
            raise ValueError(f"a cron expression has five fields, for example '0 2 * * *', not {self.expression!r}")

    def __str__(self) -> str:
        return f"cron {self.expression} {self.timezone}"


class Interval(Struct, frozen=True):
    """A schedule of one run every ``every``; whole seconds, at least ten of them.

    Source: Snowflake documentation, "CREATE TASK", SCHEDULE.
    """

    every: timedelta

    def __post_init__(self) -> None:
        if self.every < timedelta(seconds=10) or self.every.microseconds:
            raise ValueError(f"an interval is at least 10 whole seconds, not {self.every}")

    def __str__(self) -> str:
        return f"every {self.every}"


class Stream(Struct, frozen=True):
    """A run whenever the stream of this name (database.schema.stream) holds new rows."""

    name: str

    def __str__(self) -> str:
        return f"stream {self.name}"


Schedule = Cron | Interval | Stream


class Pipeline(Struct, frozen=True):
    """Nodes that run together.

    nodes: names of nodes of any installed plugin, short or full (``distribution:node``).
    schedule: when Snowflake runs it; a run on a laptop starts when it is asked for.
    parameters: values for its nodes, as ``{"max_depth": 8}`` or ``{"train_model.max_depth": 8}``.
    finalizer: a node that runs at the end, also after a failure.
    after: order without data, ``{"report": ["train_model"]}``.
    """

    name: str
    nodes: Sequence[str]
    schedule: Schedule | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    finalizer: str | None = None
    after: Mapping[str, Sequence[str]] = field(default_factory=dict)
    description: str = ""
    distribution: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.match(self.name):
            raise ProjectError(
                f"{self.name!r} is not a pipeline name",
                hint="use letters, digits and '_', and start with a letter",
            )
        if isinstance(self.nodes, str) or not self.nodes:
            raise ProjectError(f"pipeline {self.name!r} has no list of nodes", hint='write nodes=["generate_data", …]')
        if strangers := [entry for entry in self.nodes if not isinstance(entry, str)]:
            raise ProjectError(f"pipeline {self.name!r} lists {strangers[0]!r}", hint="nodes are listed by their names")
        force_setattr(self, "nodes", tuple(dict.fromkeys(self.nodes)))
        force_setattr(self, "after", {key: tuple(names) for key, names in self.after.items()})
        force_setattr(self, "parameters", dict(self.parameters))

    @property
    def node_names(self) -> tuple[str, ...]:
        """The names of its nodes as they were written, the finalizer last."""
        if self.finalizer is None:
            return tuple(self.nodes)
        return (*(name for name in self.nodes if name != self.finalizer), self.finalizer)


def to_data(pipeline: Pipeline) -> dict[str, object]:
    """Return the pipeline as JSON holds it."""
    schedule: dict[str, object] | None = None
    if isinstance(pipeline.schedule, Cron):
        schedule = {"cron": pipeline.schedule.expression, "timezone": pipeline.schedule.timezone}
    elif isinstance(pipeline.schedule, Interval):
        schedule = {"seconds": int(pipeline.schedule.every.total_seconds())}
    elif isinstance(pipeline.schedule, Stream):
        schedule = {"stream": pipeline.schedule.name}
    return {
        "name": pipeline.name,
        "nodes": list(pipeline.nodes),
        "schedule": schedule,
        "parameters": dict(pipeline.parameters),
        "finalizer": pipeline.finalizer,
        "after": {key: list(names) for key, names in pipeline.after.items()},
        "description": pipeline.description,
        "distribution": pipeline.distribution,
        "version": pipeline.version,
    }


def from_data(data: Mapping[str, Any]) -> Pipeline:  # Any: JSON
    """Return the pipeline that ``to_data`` wrote, or that a configuration file declares.

    Raises:
        ProjectError, ValueError, TypeError: the data does not describe a pipeline.
    """
    return Pipeline(**{**data, "schedule": schedule_from(data.get("schedule"))})


def schedule_from(data: Mapping[str, Any] | None) -> Schedule | None:  # Any: JSON
    """Return the schedule a mapping describes: ``cron`` (with ``timezone``), ``seconds``, ``minutes``, ``hours`` or ``stream``.

    Raises:
        ValueError: it describes none, or more than one.
    """
    if data is None:
        return None
    known = {"cron", "timezone", "seconds", "minutes", "hours", "stream"}
    if not isinstance(data, Mapping) or not data or set(data) - known:
        raise ValueError(f"a schedule has the keys {', '.join(sorted(known))}, not {data!r}")
    if "stream" in data and len(data) == 1:
        return Stream(data["stream"])
    if "cron" in data and set(data) <= {"cron", "timezone"}:
        return Cron(data["cron"], data.get("timezone", "UTC"))
    if set(data) <= {"seconds", "minutes", "hours"}:
        return Interval(timedelta(**data))
    raise ValueError(f"a schedule is cron with timezone, or a length of time, or a stream, not {' and '.join(data)}")

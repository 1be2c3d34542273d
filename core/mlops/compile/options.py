"""Options of a target's tasks: what Snowflake would refuse of them.

Source: Snowflake documentation, "CREATE TASK"; "EXECUTE JOB SERVICE".
"""

from __future__ import annotations

from collections.abc import Iterator

from mlops.compile.names import is_identifier
from mlops.configuration.targets import Target
from mlops.errors import SettingsError
from mlops.graph import Graph
from mlops.pipeline import Stream

MAX_INTEGRATIONS = 10
_NUMBERS = {
    "auto_retry_attempts": (0, 30),
    "suspend_after_failures": (0, 2**31 - 1),
    "node_timeout": (1, 604800),
    "start_timeout": (0, 86400),
    "target_completion_interval": (10, 86400),
}
"""The least and the most of each option that is a number; times are seconds."""


def check_options(target: Target, graph: Graph) -> Iterator[SettingsError]:
    """Yield what is wrong with the options of a target's tasks, for the pipeline of this graph."""
    options, place = target.tasks, f"targets.{target.name}.tasks"
    for name, (low, high) in _NUMBERS.items():
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            yield SettingsError(
                place=f"{place}.{name}", problem=f"it is {value}", hint=f"it is a number from {low} to {high}"
            )
    for name in ("warehouse", "error_integration", "success_integration"):
        text = getattr(options, name)
        if text is not None and not is_identifier(text):
            yield _not_a_name(text, f"{place}.{name}")
    yield from _check_completion(target, graph, f"{place}.target_completion_interval")
    yield from _check_integrations(target)


def _check_completion(target: Target, graph: Graph, place: str) -> Iterator[SettingsError]:
    options = target.tasks
    if (
        isinstance(graph.pipeline.schedule, Stream)
        and options.warehouse is None
        and options.target_completion_interval is None
    ):
        yield SettingsError(
            place=place,
            problem=f"pipeline {graph.pipeline.name!r} starts when a stream holds rows, and a serverless task that does so "
            "must say how soon it ends",
            hint="write target_completion_interval = 300 (seconds), or a warehouse",
        )
    if options.target_completion_interval is not None and options.warehouse is not None:
        yield SettingsError(
            place=place,
            problem="it is for serverless tasks, and these have a warehouse",
            hint="remove one of the two",
        )


def _check_integrations(target: Target) -> Iterator[SettingsError]:
    names, place = target.external_access_integrations, f"targets.{target.name}.external_access_integrations"
    if len(names) > MAX_INTEGRATIONS:
        yield SettingsError(
            place=place, problem=f"there are {len(names)}", hint=f"a job has at most {MAX_INTEGRATIONS}"
        )
    for name in names:
        if not is_identifier(name):
            yield _not_a_name(name, place)


def _not_a_name(text: str, place: str) -> SettingsError:
    return SettingsError(
        place=place, problem=f"{text!r} is not a name", hint="use a name without quotes and without $$"
    )

"""How a plan looks to people: like a diff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import unified_diff

import click

from mlops.cli.output import coloured
from mlops.compile.objects import Task
from mlops.deploy.differences import Change
from mlops.deploy.plan import Action, Plan, Step
from mlops.quantities import duration

_SIGNS = {Action.CREATE: ("+", "green"), Action.CHANGE: ("~", "yellow"), Action.DROP: ("-", "red")}


def plan_text(plan: Plan) -> str:
    """Return a plan for people, coloured on a terminal."""
    return "\n".join(_lines(plan))


def summary(plan: Plan) -> str:
    """Return in one line how much a plan does."""
    if plan.is_empty:
        return f"no changes: {plan.unchanged} objects are as they are wanted"
    steps = [step for step in plan.steps if not step.is_record]
    numbers = {action: sum(step.action is action for step in steps) for action in Action}
    counts = [f"{number} to {action.value}" for action, number in numbers.items() if number]
    if len(steps) < len(plan.steps) and not counts:
        counts.append("our record of it to change")
    if plan.resume:
        counts.append(f"{len(plan.resume)} to resume")
    if plan.resumes_root and plan.root is not None:
        counts.append(f"{plan.deployment.root.name} to start")
    if not counts:
        counts.append("the rest of an interrupted deploy")
    return f"{', '.join(counts)}, {plan.unchanged} unchanged"


def _lines(plan: Plan) -> Iterator[str]:
    deployment = plan.deployment
    yield f"{_bold(deployment.pipeline)} → {deployment.database}.{deployment.schema} (target {deployment.target})"
    if plan.steps:
        yield ""
    for step in plan.steps:
        yield from _step(step)
    if plan.consequences:
        yield ""
    yield from (f"{_painted('!', 'yellow')} {text}" for text in plan.consequences)
    if plan.problems:
        yield ""
    for problem in plan.problems:
        yield f"{_painted('✗', 'red')} {problem.message}"
        yield f"    hint: {problem.hint}"
    yield ""
    yield summary(plan)


def _step(step: Step) -> Iterator[str]:
    if step.is_record:
        yield _painted(f"  {step.kind} {step.name}: only our record of the deployment is written", "bright_black")
        return
    sign, colour = _SIGNS[step.action]
    nodes = getattr(step.wanted, "nodes", ())
    told = f"  {' '.join(nodes)}" if nodes else ""
    drift = "  (changed by others)" if step.drift else ""
    yield f"{_painted(f'{sign} {step.kind} {step.name}', colour)}{_painted(told, 'bright_black')}{drift}"
    if isinstance(step.wanted, Task) and step.action is Action.CREATE:
        if step.wanted.predecessors:
            yield f"      after {', '.join(step.wanted.predecessors)}"
        if step.wanted.finalize is not None:
            yield "      at the end of each run, whatever happened"
        if step.wanted.schedule is not None:
            yield f"      {step.wanted.schedule}"
    for change in step.changes:
        yield from _change(change)


def _change(change: Change) -> Iterator[str]:
    before, after = change.before, change.after
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield from _values(f"{change.field}.{key}", before.get(key), after.get(key))
    elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
        yield f"      {change.field}"
        lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
        for line in lines:
            yield "        " + _painted(line, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1]))
    else:
        yield from _values(change.field, before, after)


def _values(field: str, before: object, after: object) -> Iterator[str]:
    old, new = _said(before), _said(after)
    if len(old) + len(new) <= 80:
        yield f"      {field}  {_painted(old, 'red')} → {_painted(new, 'green')}"
    else:
        yield f"      {field}"
        yield "        " + _painted(f"- {old}", "red")
        yield "        " + _painted(f"+ {new}", "green")


def _said(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, timedelta):
        return duration(value.total_seconds())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(one) for one in value) or "none"
    return repr(value) if isinstance(value, str) else str(value)


def _painted(text: str, colour: str | None) -> str:
    return click.style(text, fg=colour) if coloured() and colour and text else text


def _bold(text: str) -> str:
    return click.style(text, bold=True) if coloured() else text

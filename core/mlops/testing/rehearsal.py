"""A rehearsal: a plugin's pipelines and nodes run for real in a process and a folder of their own.

Read from standard input as JSON, answered on standard output line by line, so that a rehearsal that has to be ended has
told what came before: ``python -m mlops.testing.rehearsal``. A second rehearsal, with another seed of Python's hashes, runs
nodes again on what the first has committed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, Struct, field, json

if TYPE_CHECKING:
    from mlops.nodes import Node
    from mlops.runs.outcome import NodeOutcome

_START = "import sys; sys.path.pop(0); from mlops.testing.rehearsal import main; main()"


class Written(Struct, frozen=True):
    """One dataset that a node has committed."""

    name: str
    type: str
    sha256: str
    rows: int | None = None
    columns: tuple[tuple[str, str], ...] | None = None


class Performance(Struct, frozen=True):
    """What one node came to. ``run`` is the run that its inputs can be read from again."""

    node: str
    state: str
    problem: str = ""
    hint: str = ""
    reason: str = ""
    run: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    inputs: tuple[str, ...] = ()
    outputs: tuple[Written, ...] = ()


class Programme(Struct, frozen=True):
    """What to run in ``folder``: pipelines, nodes on their own, and nodes again as they were performed before."""

    folder: str
    services: str
    pipelines: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    again: tuple[Performance, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


class Line(Struct, frozen=True):
    """A line of an answer: a node has begun, or has come to something."""

    begun: str = ""
    done: Performance | None = None


class Rehearsed(Struct, frozen=True):
    """What every node of a programme came to; ``problem`` says why the rehearsal itself was lost, if it was."""

    performances: tuple[Performance, ...] = ()
    problem: str = ""


def rehearse(programme: Programme, *, seconds: float, hash_seed: int = 1) -> Rehearsed:
    """Run a programme in a new interpreter; it is ended after ``seconds``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLOPS_") or "PLUGIN" in key}
    cache = os.environ.get("MLOPS_CACHE_DIR")
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _START],
            input=json.encode(programme),
            capture_output=True,
            cwd=programme.folder,
            timeout=seconds,
            env={
                **kept,
                **({"MLOPS_CACHE_DIR": cache} if cache else {}),
                "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
                "PYTHONHASHSEED": str(hash_seed),
            },
            check=False,
        )
    except subprocess.TimeoutExpired as cause:
        done, running = told_by(cause.output or b"")
        return Rehearsed(done, f"{running or 'its first node'} had not ended after {seconds:g} s")
    done, running = told_by(ended.stdout)
    if ended.returncode == 0:
        return Rehearsed(done)
    last = (ended.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
    during = f" in {running}" if running else ""
    return Rehearsed(done, f"the process that ran its nodes ended with code {ended.returncode}{during}: {last}")


def told_by(output: bytes) -> tuple[tuple[Performance, ...], str]:
    """Return what a rehearsal has performed, and the node that it began last."""
    done: list[Performance] = []
    running = ""
    for text in output.splitlines():
        with suppress(DecodeError):  # of the last line only the start may have come
            line = json.decode(text, type=Line)
            running = line.begun or running
            done += [] if line.done is None else [line.done]
    return tuple(done), running


def main() -> None:
    """Perform the programme on standard input and write what came of it."""
    programme = json.decode(sys.stdin.buffer.read(), type=Programme)
    answer = os.dup(1)
    os.dup2(2, 1)
    Path(programme.folder, "mlops.toml").touch()
    with os.fdopen(answer, "wb") as out:

        def tell(line: Line) -> None:
            out.write(json.encode(line) + b"\n")
            out.flush()

        for performance in _perform(programme, lambda node: tell(Line(begun=node))):
            tell(Line(done=performance))


Begin = Callable[[str], None]


def _perform(programme: Programme, begin: Begin) -> Iterator[Performance]:
    from mlops.project import Project

    # a process for each node: one that ends its process must not take the rest of the rehearsal with it
    flags: dict[str, object] = {"services": programme.services, "run.executor": "process", "run.max_workers": 1}
    project = Project(programme.folder, flags=flags)
    for pipeline in programme.pipelines:
        yield from _pipeline(project, pipeline, programme.parameters, begin)
    for node in programme.nodes:
        begin(node)
        yield _single(project, node, programme.parameters, {})
    for before in programme.again:
        begin(before.node)
        yield _single(
            project, before.node, before.parameters, {dataset: {"run": before.run} for dataset in before.inputs}
        )


class _Beginnings:
    """An observer of a run that tells which node it has begun."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def node_started(self, node: Node, attempt: int) -> None:
        self._begin(node.full_name)

    def node_ended(self, node: Node, outcome: NodeOutcome, retry_in: float | None) -> None:
        return


def _pipeline(
    project: Any, pipeline: str, words: Mapping[str, str], begin: Begin
) -> Sequence[Performance]:  # Any: Project
    from mlops.errors import MlopsError
    from mlops.layers import Layer, settle
    from mlops.runs.launch import Request, prepare

    nodes = project.graph(pipeline).nodes
    ending = tuple(node.full_name for node in nodes if node.serving is None)  # a service would go on for ever
    if not ending:
        return []
    fitting: dict[str, str] = {}
    for key, value in words.items():  # a word that only another pipeline has is not wrong here
        try:
            settle(nodes, [Layer("--param", {key: value}, texts=True)])
        except MlopsError:
            continue
        fitting[key] = value
    try:
        only = ending if len(ending) < len(nodes) else ()
        launch = prepare(project, Request(pipeline=pipeline, parameters=fitting, only=only))
        outcome = launch.go(lambda _: [_Beginnings(begin)])
    except MlopsError as cause:
        return [Performance(pipeline, "refused", problem=cause.message, hint=cause.hint or "")]
    from mlops.datasets.store import FileStore
    from mlops.plugins.serializers import serializers_of

    manifests = FileStore(outcome.run.folder, serializers_of(project.discovery.known)).manifests()
    by_name = {node.full_name: node for node in launch.graph.nodes}
    return [
        Performance(
            node=one.node,
            state=one.state.value,
            problem=f"{one.error.type}: {one.error.message}" if one.error else "",
            hint=(one.error.hint or "") if one.error else "",
            reason=one.reason,
            run=outcome.run.run_id,
            parameters=dict(outcome.run.parameters.get(one.node, {})),
            inputs=by_name[one.node].datasets,
            outputs=tuple(map(_written, manifests[one.node].outputs)) if one.node in manifests else (),
        )
        for one in outcome.nodes
    ]


def _single(project: Any, name: str, parameters: Mapping[str, Any], inputs: Mapping[str, Any]) -> Performance:
    from mlops.errors import MlopsError
    from mlops.parameters import checked
    from mlops.runs.single import NodeRequest, run_single

    node = project.registry.node(name)
    own: dict[str, Any] = {}  # Any: JSON
    for parameter in node.parameters:
        for key in (parameter.name, f"{node.name}.{parameter.name}"):
            if key in parameters:
                value = parameters[key]
                own[parameter.name] = checked(parameter, value, text=not inputs and isinstance(value, str))
    try:
        outcome = run_single(project, NodeRequest(node=node.full_name, inputs={**own, **inputs}))
    except MlopsError as cause:
        return Performance(node.full_name, "refused", problem=cause.message, hint=cause.hint or "")
    (one,) = outcome.nodes
    return Performance(
        node=one.node,
        state=one.state.value,
        problem=f"{one.error.type}: {one.error.message}" if one.error else "",
        hint=(one.error.hint or "") if one.error else "",
        run=outcome.run.run_id,
        parameters=dict(outcome.run.parameters.get(one.node, {})),
        inputs=node.datasets,
        outputs=tuple(map(_written, one.outputs)),
    )


def _written(record: Any) -> Written:  # Any: DatasetRecord
    return Written(record.name, record.type, record.sha256, record.rows, record.columns)

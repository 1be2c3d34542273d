"""A rehearsal: a plugin's pipelines and nodes run for real in a process and a folder of their own.

Read from standard input as JSON, answered on standard output: ``python -m mlops.testing.rehearsal``. A second rehearsal,
with another seed of Python's hashes, runs nodes again on what the first has committed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import DecodeError, Struct, field, json

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
    except subprocess.TimeoutExpired:
        return Rehearsed(problem=f"its nodes had not ended after {seconds:g} s")
    try:
        return json.decode(ended.stdout, type=Rehearsed)
    except DecodeError:
        last = (ended.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        return Rehearsed(problem=f"the process that ran its nodes ended with code {ended.returncode}: {last}")


def main() -> None:
    """Perform the programme on standard input and write what came of it."""
    programme = json.decode(sys.stdin.buffer.read(), type=Programme)
    answer = os.dup(1)
    os.dup2(2, 1)
    Path(programme.folder, "mlops.toml").touch()
    done = Rehearsed(tuple(_perform(programme)))
    with os.fdopen(answer, "wb") as out:
        out.write(json.encode(done))


def _perform(programme: Programme) -> Sequence[Performance]:
    from mlops.project import Project

    # a process for each node: one that ends its process must not take the rest of the rehearsal with it
    flags: dict[str, object] = {"services": programme.services, "run.executor": "process", "run.max_workers": 1}
    project = Project(programme.folder, flags=flags)
    performances: list[Performance] = []
    for pipeline in programme.pipelines:
        performances += _pipeline(project, pipeline, programme.parameters)
    for node in programme.nodes:
        performances.append(_single(project, node, programme.parameters, {}))
    for before in programme.again:
        inputs = {dataset: {"run": before.run} for dataset in before.inputs}
        performances.append(_single(project, before.node, before.parameters, inputs))
    return performances


def _pipeline(project: Any, pipeline: str, words: Mapping[str, str]) -> Sequence[Performance]:  # Any: Project
    from mlops.errors import MlopsError
    from mlops.layers import Layer, settle
    from mlops.runs.launch import Request, prepare

    fitting: dict[str, str] = {}
    for key, value in words.items():  # a word that only another pipeline has is not wrong here
        try:
            settle(project.graph(pipeline).nodes, [Layer("--param", {key: value}, texts=True)])
        except MlopsError:
            continue
        fitting[key] = value
    try:
        launch = prepare(project, Request(pipeline=pipeline, parameters=fitting))
        outcome = launch.go()
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

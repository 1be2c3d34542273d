"""What has run on this machine: the recorded runs, and what their nodes have committed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlops.datasets.tables import TableSerializer, content_of_table
from mlops.errors import UnknownNameError
from mlops.runs.announcement import has_records
from mlops.runs.comparison import Content, Side, runs_to_compare
from mlops.runs.lock import is_alive
from mlops.runs.records import RunRecords

if TYPE_CHECKING:
    from mlops.datasets.manifest import DatasetRecord, Manifest
    from mlops.project import Project
    from mlops.runs.outcome import RunOutcome

_DIGITS = 8
"""How much of the hash of a distribution's code tells it from another."""

_MOST = 1000
"""How many runs, the newest first, are looked through for a dataset."""


def recorded_runs(
    project: Project, *, pipeline: str | None = None, limit: int = 20, nodes: bool = False
) -> list[RunOutcome]:
    """Return the newest runs, newest first, without their nodes unless these are asked for; none where nothing has run."""
    data = project.settings.data
    if not has_records(data):
        return []
    alive = partial(is_alive, data)
    with RunRecords(data) as records:
        found = records.runs(pipeline=pipeline, limit=limit, alive=alive)
        return [records.run(one.run.run_id, alive=alive) for one in found] if nodes else found


def run_with(
    project: Project, dataset: str, *, pipeline: str | None = None
) -> tuple[RunOutcome, Manifest, DatasetRecord]:
    """Return the newest run that has committed a dataset, with its record and the manifest that holds it.

    Raises:
        UnknownNameError: none has.
    """
    from mlops.datasets.store import FileStore

    known: set[str] = set()
    for run in recorded_runs(project, pipeline=pipeline, limit=_MOST):
        for manifest in FileStore(run.run.folder, project.serializers).manifests().values():
            for record in manifest.outputs:
                if record.name == dataset:
                    return run, manifest, record
                known.add(record.name)
    hint = None if known else "nothing has run here yet: mlops run PIPELINE"
    raise UnknownNameError(kind="dataset in any run:", name=dataset, known=known, hint=hint)


def open_run(project: Project, name: str, *, pipeline: str | None = None) -> tuple[RunOutcome, list[Manifest]]:
    """Return a run and what its nodes have committed, in the order of its nodes.

    ``name`` is an id, a part of one, or ``latest``, among the runs of ``pipeline`` where one is given.

    Raises:
        UnknownNameError, RunError: no run, or several.
    """
    from mlops.datasets.store import FileStore

    data = project.settings.data
    if not has_records(data):
        raise UnknownNameError(kind="run", name=name, known=(), hint="nothing has run here yet: mlops run PIPELINE")
    with RunRecords(data) as records:
        outcome = records.run(records.find(name, pipeline=pipeline), alive=partial(is_alive, data))
    manifests = FileStore(outcome.run.folder, project.serializers).manifests()
    order = {one.node: at for at, one in enumerate(outcome.nodes)}
    return outcome, sorted(manifests.values(), key=lambda one: order.get(one.node, len(order)))


def with_outputs(outcome: RunOutcome, manifests: Iterable[Manifest]) -> RunOutcome:
    """Return a run whose nodes hold what they have committed, as those of a run that has just ended do."""
    outputs = {manifest.node: manifest.outputs for manifest in manifests}
    return replace(outcome, nodes=tuple(replace(one, outputs=outputs.get(one.node, ())) for one in outcome.nodes))


def recorded_sides(
    project: Project, names: Sequence[str] = (), *, pipeline: str | None = None, last: int = 2
) -> list[Side]:
    """Return the runs to compare: those named, or the newest ones of a pipeline, the oldest first.

    One name alone stands for that run and the newest other one of its pipeline.

    Raises:
        UnknownNameError, RunError: no run, several of a name, or no two runs.
    """
    chosen = runs_to_compare(
        [open_run(project, name, pipeline=pipeline)[0] for name in names],
        lambda wanted, limit: recorded_runs(project, pipeline=wanted, limit=limit),
        pipeline=pipeline,
        last=last,
    )
    return [side_of(*open_run(project, one.run.run_id)) for one in chosen]


def side_of(outcome: RunOutcome, manifests: Iterable[Manifest]) -> Side:
    """Return a run of this machine as one side of a comparison."""
    contents: dict[tuple[str, str], Content] = {}
    code: dict[str, set[str]] = {}
    for manifest in manifests:
        code.setdefault(manifest.node.partition(":")[0], set()).add(manifest.source[:_DIGITS])
        for record in manifest.outputs:
            contents[manifest.node, record.name] = Content(_content(outcome.run.folder, record), record.rows)
    hashes = {distribution: "+".join(sorted(filter(None, found))) for distribution, found in code.items()}
    return Side(outcome, contents, hashes)


def _content(folder: str, record: DatasetRecord) -> str:
    if record.serializer != TableSerializer.name:
        return record.sha256
    try:  # the file of a table also holds its name, which is another in each run
        return content_of_table(Path(folder, record.path))
    except OSError:
        return record.sha256

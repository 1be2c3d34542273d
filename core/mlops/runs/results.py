"""The outcome of a run as Python reads it: states, metrics, errors and logs by plain names, and datasets as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from pathlib import Path

from mlops.context import Metric
from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.datasets.serializers import Serializers
from mlops.datasets.store import FileStore
from mlops.errors import UnknownNameError
from mlops.quantities import duration, number
from mlops.runs.logs import last_lines
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunOutcome, State


class Outcome:
    """What a run came to. Nodes go by their short names, and by their full names where two share a short one."""

    def __init__(self, run: RunOutcome, datasets: Datasets) -> None:
        self.run, self.datasets = run, datasets
        shorts = [one.node.rpartition(":")[2] for one in run.nodes]
        self._nodes = {
            short if shorts.count(short) == 1 else one.node: one for short, one in zip(shorts, run.nodes, strict=True)
        }

    @property
    def id(self) -> str:
        """The run's id, which ``mlops run --resume`` and ``mlops runs show`` take."""
        return self.run.run.run_id

    @property
    def pipeline(self) -> str:
        """The pipeline that ran."""
        return self.run.run.pipeline

    @property
    def state(self) -> str:
        """What became of the run: ``succeeded``, ``failed``, ``stopped``, or ``running`` while it goes on."""
        return self.run.state.value

    @property
    def succeeded(self) -> bool:
        """Whether every node that was to run has ended well."""
        return self.run.state is State.SUCCEEDED

    @property
    def started(self) -> datetime:
        """When it started, in the time zone of this machine."""
        return datetime.fromtimestamp(self.run.run.started).astimezone()

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it goes on."""
        return None if self.run.ended is None else self.run.ended - self.run.run.started

    @property
    def folder(self) -> Path:
        """Where its datasets are on this machine."""
        return self.datasets.folder

    @property
    def states(self) -> dict[str, str]:
        """What each node came to: ``succeeded``, ``failed``, ``skipped``, ``reused`` or ``stopped``."""
        return {name: one.state.value for name, one in self._nodes.items()}

    @property
    def parameters(self) -> dict[str, dict[str, object]]:
        """The parameters of each node that has some; of one named like a credential a record holds ``***``."""
        given = self.run.run.parameters
        return {name: dict(given[one.node]) for name, one in self._nodes.items() if given.get(one.node)}

    @property
    def errors(self) -> dict[str, ErrorInfo]:
        """The error of each node that failed: its type, message, traceback and mend."""
        return {name: one.error for name, one in self._nodes.items() if one.error is not None}

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric, whichever node logged it."""
        return {metric.name: metric.value for one in self.run.nodes for metric in one.metrics}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not fail the run, such as an observer that raised."""
        return self.run.warnings

    def node(self, name: str) -> NodeOutcome:
        """Return what became of one node.

        Raises:
            UnknownNameError: it was not part of the run.
        """
        found = self._nodes.get(name) or self.run.node(name)
        if found is None:
            raise UnknownNameError(kind="node in this run:", name=name, known=self._nodes)
        return found

    def log(self, node: str) -> str:
        """Return what a node printed and logged."""
        return "\n".join(last_lines(self.node(node).log, 10_000))

    def load(self, dataset: str, as_type: str | None = None) -> object:
        """Return a dataset; a table as ``pandas``, ``polars`` or ``pyarrow`` where ``as_type`` says so.

        Raises:
            UnknownNameError: no node of this run has committed it.
            DatasetError: its file is gone or is no longer what was committed, or this form of it does not exist.
        """
        return self.datasets.load(dataset, as_type)

    def path(self, dataset: str) -> Path:
        """Return where the file of a dataset is.

        Raises:
            UnknownNameError: no node of this run has committed it.
        """
        return self.datasets.path(dataset)

    def row(self) -> dict[str, object]:
        """Return the run as one row of a table: ``metrics.NAME`` and ``parameters.NODE.NAME`` are columns of their own."""
        return {
            "run": self.id,
            "pipeline": self.pipeline,
            "state": self.state,
            "started": self.started,
            "seconds": self.seconds,
            **{f"metrics.{name}": value for name, value in self.metrics.items()},
            **{
                f"parameters.{node}.{name}": value
                for node, values in self.parameters.items()
                for name, value in values.items()
            },
        }

    def __getitem__(self, dataset: str) -> object:
        return self.datasets[dataset]

    def __repr__(self) -> str:
        lines = [
            f"<Outcome {self.run.state.value}: {', '.join(f'{name} {state}' for name, state in self.states.items())}"
        ]
        lines += [f"  {name}: {error.type}: {error.message}\n{error.traceback}" for name, error in self.errors.items()]
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: nodes with their times, metrics and errors, and the names of the datasets."""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{one.state.value}</td><td>{duration(one.seconds)}</td>"
            f"<td>{escape(', '.join(f'{m.name} {number(m.value)}' for m in _last(one)))}</td>"
            f"<td>{escape(f'{one.error.type}: {one.error.message}' if one.error else one.reason)}</td></tr>"
            for name, one in self._nodes.items()
        )
        heads = "".join(f"<th>{head}</th>" for head in ("node", "state", "took", "metrics", "why"))
        return (
            f"<p><b>{escape(self.pipeline)}</b> {self.state}, run <code>{escape(self.id)}</code>, "
            f"{duration(self.seconds)}</p><table><tr>{heads}</tr>{rows}</table>"
            f"<p>datasets: {escape(', '.join(self.datasets)) or 'none'}</p>"
        )


class Datasets(Mapping[str, object]):
    """What a run has committed; each is read back from its file when it is asked for."""

    def __init__(self, folder: str, serializers: Serializers) -> None:
        self._store = FileStore(folder, serializers)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return Path(self._store.folder)

    def record(self, name: str) -> DatasetRecord:
        """Return what is known of a dataset without reading it.

        Raises:
            UnknownNameError: no node of this run has committed it.
        """
        record = self._store.find(name)
        if record is None:
            raise UnknownNameError(kind="dataset in this run:", name=name, known=self)
        return record

    def manifests(self) -> list[Manifest]:
        """Return what each node has committed."""
        return list(self._store.manifests().values())

    def load(self, name: str, as_type: str | None = None) -> object:
        """Return a dataset in the form that ``as_type`` names, or in that in which it was written.

        Raises:
            UnknownNameError, DatasetError: there is none, or it cannot be read.
        """
        return self._store.read(self.record(name), as_type)

    def path(self, name: str) -> Path:
        """Return where the file of a dataset is.

        Raises:
            UnknownNameError: no node of this run has committed it.
        """
        return Path(self._store.path(self.record(name)))

    def __getitem__(self, name: str) -> object:
        return self.load(name)

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def __iter__(self) -> Iterator[str]:
        for manifest in self._store.manifests().values():
            yield from (record.name for record in manifest.outputs)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Datasets {', '.join(self)}>"


def _last(one: NodeOutcome) -> list[Metric]:
    return list({metric.name: metric for metric in one.metrics}.values())

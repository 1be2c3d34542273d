"""The outcome of a run, as a test reads it: states, datasets, metrics, errors and logs by plain names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops.datasets.serializers import Serializers
from mlops.datasets.store import FileStore
from mlops.errors import UnknownNameError
from mlops.runs.logs import last_lines
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunOutcome, State


class Outcome:
    """What a run came to. Nodes go by their short names, and by their full names where two share a short one."""

    def __init__(self, run: RunOutcome, serializers: Serializers) -> None:
        self.run = run
        self.datasets = Datasets(run.run.folder, serializers)
        shorts = [one.node.rpartition(":")[2] for one in run.nodes]
        self._nodes = {
            short if shorts.count(short) == 1 else one.node: one for short, one in zip(shorts, run.nodes, strict=True)
        }

    @property
    def succeeded(self) -> bool:
        """Whether every node that was to run has ended well."""
        return self.run.state is State.SUCCEEDED

    @property
    def states(self) -> dict[str, str]:
        """What each node came to: ``succeeded``, ``failed``, ``skipped``, ``reused`` or ``stopped``."""
        return {name: one.state.value for name, one in self._nodes.items()}

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

    def __getitem__(self, dataset: str) -> object:
        return self.datasets[dataset]

    def __repr__(self) -> str:
        lines = [
            f"<Outcome {self.run.state.value}: {', '.join(f'{name} {state}' for name, state in self.states.items())}"
        ]
        lines += [f"  {name}: {error.type}: {error.message}\n{error.traceback}" for name, error in self.errors.items()]
        return "\n".join(lines) + ">"


class Datasets(Mapping[str, object]):
    """What a run has committed; each is read back from its file when it is asked for."""

    def __init__(self, folder: str, serializers: Serializers) -> None:
        self._store = FileStore(folder, serializers)

    def __getitem__(self, name: str) -> object:
        record = self._store.find(name)
        if record is None:
            raise UnknownNameError(kind="dataset in this run:", name=name, known=self)
        return self._store.read(record)

    def __contains__(self, name: object) -> bool:
        return any(name == known for known in self)

    def __iter__(self) -> Iterator[str]:
        for manifest in self._store.manifests().values():
            yield from (record.name for record in manifest.outputs)

    def __len__(self) -> int:
        return sum(1 for _ in self)

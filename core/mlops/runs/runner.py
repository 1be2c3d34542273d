"""The runner: takes a graph through to its end, a node at a time or several, and records all that happens."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.datasets.store import FileStore
from mlops.graph import Graph
from mlops.nodes import Node
from mlops.runs.order import Order, Source
from mlops.runs.outcome import NodeOutcome, RunInfo, RunOutcome, State, authenticated
from mlops.runs.records import RunRecords
from mlops.runs.reuse import reuse


class Executor(Protocol):
    """Where attempts of nodes are run. ``width`` is how many it takes at once."""

    width: int

    def start(self, order: Order) -> None:
        """Start an attempt; its outcome comes from ``wait`` later."""

    def wait(self, seconds: float | None) -> Sequence[NodeOutcome]:
        """Return the attempts that have ended, waiting for the first at most ``seconds``."""

    def stop(self) -> None:
        """Ask the attempts that are being run to end."""


class Observer(Protocol):
    """Who watches a run as it goes, such as the progress bar. Called in the process of the runner."""

    def node_started(self, node: Node, attempt: int) -> None:
        """An attempt starts."""

    def node_ended(self, node: Node, outcome: NodeOutcome, retry_in: float | None) -> None:
        """A node has come to something; ``retry_in`` says in how many seconds it is tried again."""


class _Progress(Struct):
    """What is known of a run while it goes on."""

    waiting: dict[str, int]
    records: dict[str, tuple[str, DatasetRecord]]
    ready: list[tuple[int, str]] = field(default_factory=list)
    delayed: list[tuple[float, str, int]] = field(default_factory=list)
    running: dict[str, int] = field(default_factory=dict)
    outcomes: dict[str, NodeOutcome] = field(default_factory=dict)


class Runner:
    """One run of one graph."""

    def __init__(
        self,
        graph: Graph,
        run: RunInfo,
        *,
        executor: Executor,
        store: FileStore,
        records: RunRecords,
        observers: Sequence[Observer] = (),
        external: Mapping[str, tuple[str, DatasetRecord]] | None = None,
        committed: Mapping[str, Manifest] | None = None,
    ) -> None:
        """``external`` gives, for datasets from outside the graph, the folder of their run and their record.

        ``committed`` holds what an earlier attempt of this run has committed, by full name of the node.
        """
        self._graph, self._run, self._executor, self._store = graph, run, executor, store
        self._records, self._observers = records, observers
        self._committed = committed or {}
        self._nodes = {node.full_name: node for node in graph.nodes}
        self._position = {name: position for position, name in enumerate(self._nodes)}
        self._stop_reason: str | None = None
        self._reasons: dict[str, str] = {}
        self._progress = _Progress(
            waiting={name: len(graph.parents(name)) for name in self._nodes}, records=dict(external or {})
        )

    def stop(self, reason: str) -> None:
        """Let the run end as soon as what is running has been ended. May be called from a signal handler."""
        self._stop_reason = reason

    def go(self) -> RunOutcome:
        """Run every node that can run and return what the run came to."""
        progress = self._progress
        self._records.begin(self._run, list(self._nodes))
        for name, count in progress.waiting.items():
            if count == 0 and name != self._graph.finalizer:
                heapq.heappush(progress.ready, (self._position[name], name))
        stopping = False
        while progress.ready or progress.delayed or progress.running:
            if self._stop_reason is not None:
                progress.ready.clear()
                progress.delayed.clear()
                if progress.running and not stopping:
                    self._executor.stop()
                    stopping = True
                if not progress.running:
                    break
            else:
                self._start_what_can()
            for outcome in self._wait():
                self._ended(outcome)
        self._finalize()
        return self._close()

    def _wait(self) -> Sequence[NodeOutcome]:
        progress = self._progress
        self._records.commit()
        if not progress.running and not progress.delayed:
            return ()
        seconds = None
        if progress.delayed and len(progress.running) < self._executor.width:
            seconds = max(0.0, progress.delayed[0][0] - time.monotonic())
        if not progress.running:
            _sleep(seconds or 0.0, lambda: self._stop_reason is not None)
            return ()
        return self._executor.wait(0.2 if seconds is None else min(seconds, 0.2))

    def _start_what_can(self) -> None:
        progress = self._progress
        while progress.delayed and progress.delayed[0][0] <= time.monotonic():
            if len(progress.running) >= self._executor.width:
                return
            _, name, attempt = heapq.heappop(progress.delayed)
            self._start(name, attempt)
        while progress.ready and len(progress.running) < self._executor.width and self._stop_reason is None:
            _, name = heapq.heappop(progress.ready)
            if not self._reused(name):
                self._start(name, 1)

    def _reused(self, name: str) -> bool:
        manifest = self._committed.get(name)
        if not self._committed:
            return False
        node = self._nodes[name]
        decision = reuse(
            node,
            manifest,
            parameters=self._run.parameters.get(name, {}),
            inputs={dataset: record.sha256 for dataset, (_, record) in self._inputs(node).items()},
            intact=self._store.verify,
        )
        if not decision.fits or manifest is None:
            self._reasons[name] = f"ran again: {decision.reason}"
            if manifest is not None:
                self._store.discard(name)
            return False
        self._settle(
            NodeOutcome(
                node=name,
                state=State.REUSED,
                attempt=manifest.attempt,
                reason=decision.reason,
                outputs=manifest.outputs,
            )
        )
        return True

    def _start(self, name: str, attempt: int) -> None:
        node = self._nodes[name]
        self._progress.running[name] = attempt
        self._records.node_started(self._run.run_id, name, attempt, time.time())
        for observer in self._observers:
            observer.node_started(node, attempt)
        parameters = self._run.parameters.get(name, {})
        self._executor.start(
            Order(
                node=node,
                run=replace(
                    self._run, parameters={name: parameters}
                ),  # of a thousand nodes, one need not know the rest
                parameters=parameters,
                inputs={
                    dataset: Source(folder=folder, record=record)
                    for dataset, (folder, record) in self._inputs(node).items()
                },
                attempt=attempt,
            )
        )

    def _inputs(self, node: Node) -> dict[str, tuple[str, DatasetRecord]]:
        return {
            dataset: self._progress.records[dataset] for dataset in node.datasets if dataset in self._progress.records
        }

    def _ended(self, outcome: NodeOutcome) -> None:
        node = self._nodes[outcome.node]
        del self._progress.running[outcome.node]
        if outcome.state is State.FAILED and outcome.attempt <= node.retries.count and self._stop_reason is None:
            delay = node.retries.wait_before(outcome.attempt + 1).total_seconds()
            self._records.node_ended(self._run.run_id, outcome)
            heapq.heappush(self._progress.delayed, (time.monotonic() + delay, outcome.node, outcome.attempt + 1))
            for observer in self._observers:
                observer.node_ended(node, outcome, delay)
            return
        self._settle(outcome)

    def _settle(self, outcome: NodeOutcome) -> None:
        """Record what a node came to for good, and let those that waited for it go on or be skipped."""
        progress, name = self._progress, outcome.node
        if outcome.state is State.SUCCEEDED and name in self._reasons:
            outcome = replace(outcome, reason=self._reasons[name])
        progress.outcomes[name] = replace(outcome, outputs=()) if outcome.state.good else outcome
        self._records.node_ended(self._run.run_id, outcome)
        for observer in self._observers:
            observer.node_ended(self._nodes[name], outcome, None)
        if outcome.state.good:
            for record in outcome.outputs:
                progress.records[record.name] = (self._run.folder, record)
            for child in self._graph.children(name):
                progress.waiting[child] -= 1
                if progress.waiting[child] == 0 and child not in progress.outcomes:
                    heapq.heappush(progress.ready, (self._position[child], child))
        elif outcome.state is State.FAILED:
            self._skip_after(name)

    def _skip_after(self, name: str) -> None:
        for child in sorted(self._graph.descendants(name), key=self._position.__getitem__):
            if child not in self._progress.outcomes:
                reason = f"it needs {self._nodes[name].name!r}, which failed"
                skipped = NodeOutcome(node=child, state=State.SKIPPED, attempt=0, reason=reason)
                self._progress.outcomes[child] = skipped
                self._records.node_ended(self._run.run_id, skipped)
                for observer in self._observers:
                    observer.node_ended(self._nodes[child], skipped, None)

    def _finalize(self) -> None:
        """Run the finalizer, which runs at the end whatever the others came to, unless the run was stopped."""
        name = self._graph.finalizer
        if name is None or self._stop_reason is not None:
            return
        node = self._nodes[name]
        if missing := [dataset for dataset in node.datasets if dataset not in self._progress.records]:
            self._settle(
                NodeOutcome(
                    node=name,
                    state=State.SKIPPED,
                    attempt=0,
                    reason=f"it reads {', '.join(missing)}, not written",
                )
            )
            return
        if self._reused(name):
            return
        self._start(name, 1)
        while self._progress.running or self._progress.delayed:
            for outcome in self._wait():
                self._ended(outcome)
            if self._stop_reason is None:
                self._start_what_can()
            elif self._progress.running:
                self._executor.stop()
            else:
                break

    def _close(self) -> RunOutcome:
        outcomes = self._progress.outcomes
        reason = self._stop_reason or ""
        for name in self._nodes:
            if name not in outcomes:
                outcomes[name] = NodeOutcome(
                    node=name, state=State.STOPPED, attempt=0, reason=reason or "the run was stopped"
                )
        failed = [self._nodes[name].name for name, one in outcomes.items() if one.state is State.FAILED]
        state = State.STOPPED if reason else State.FAILED if failed else State.SUCCEEDED
        if failed and not reason:
            reason = f"{', '.join(failed)} failed"
        warnings = tuple(dict.fromkeys(warning for one in outcomes.values() for warning in one.warnings))
        self._records.end(self._run.run_id, state, reason=reason, warnings=warnings)
        return RunOutcome(
            run=authenticated(self._run, outcomes.values()),
            state=state,
            nodes=tuple(outcomes[name] for name in self._nodes),
            ended=time.time(),
            reason=reason,
            warnings=warnings,
        )


def _sleep(seconds: float, enough: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not enough() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))

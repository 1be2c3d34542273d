"""The process that imports plugins to look at them: ``python -m mlops.plugins.probe``.

It reads distributions from standard input, one JSON line each, and answers with one JSON line of ``Knowledge`` each. A
plugin that raises is an answer; one that hangs or ends the process is for the parent to notice, which is why looking
happens in a process of its own. What a plugin prints while it is imported is caught and becomes a row, too.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

import msgspec
from msgspec.structs import replace

from mlops.declaration import node_name
from mlops.description import describe, source_of
from mlops.errors import MlopsError, closest
from mlops.nodes import Node, Origin
from mlops.pipeline import Pipeline, to_data
from mlops.plugins.distributions import Distribution, digest, state
from mlops.plugins.knowledge import Command, EntryPoint, Failure, HookPlugin, Knowledge, Reason
from mlops.plugins.loading import load

DETAIL = 4000
"""How much of a traceback or of printed text is kept, in characters; the end of it."""


def look_at(distribution: Distribution) -> Knowledge:
    """Import a distribution's entry points one by one and return what they offer and what failed."""
    start = time.perf_counter()
    look = _Look(distribution, digest(distribution.metadata, distribution.folders))
    for entry in distribution.entry_points:
        look.at(entry)
    return Knowledge(
        distribution=distribution.name,
        version=distribution.version,
        state=state(distribution.metadata, distribution.folders),
        digest=look.digest,
        entry_points=distribution.entry_points,
        nodes=tuple(sorted(look.nodes.values(), key=lambda node: node.name)),
        pipelines=tuple(look.pipelines.values()),
        hooks=tuple(look.hooks),
        commands=tuple(look.commands),
        failures=tuple(look.failures),
        folders=distribution.folders,
        # a build that sets this wants equal bytes of equal sources, whatever the clock says
        seconds=0.0 if "SOURCE_DATE_EPOCH" in os.environ else round(time.perf_counter() - start, 3),
    )


class _Look:
    """What has been found of one distribution so far."""

    def __init__(self, distribution: Distribution, code: str) -> None:
        self.distribution, self.digest = distribution, code
        self.nodes: dict[str, Node] = {}
        self.pipelines: dict[str, dict[str, object]] = {}
        self.hooks: list[HookPlugin] = []
        self.commands: list[Command] = []
        self.failures: list[Failure] = []

    def at(self, entry: EntryPoint) -> None:
        try:
            offered = load(entry.value)
            {
                "mlops.nodes": self._node,
                "mlops.pipelines": self._pipeline,
                "mlops.plugins": self._plugin,
                "mlops.commands": self._command,
            }[entry.group](entry, offered)
        except (KeyboardInterrupt, SystemExit) as cause:
            self._fail(
                entry,
                "exits",
                f"it ends the process when it is imported ({type(cause).__name__}: {cause})",
                "remove the call of sys.exit from the top of the module",
            )
        except MlopsError as cause:
            self._fail(entry, "invalid", cause.message, cause.hint or "mend the declaration")
        except BaseException as cause:  # a plugin may raise anything while it is imported
            self._fail(entry, "raises", _sentence(cause), _mend(cause, self.distribution), traceback.format_exc())

    def _node(self, entry: EntryPoint, offered: Callable[..., object]) -> None:
        self._add_node(entry, offered, Origin(**self._origin(entry.value)), entry.name)

    def _add_node(self, entry: EntryPoint, function: Callable[..., object], origin: Origin, name: str) -> None:
        if name in self.nodes:
            other = self.nodes[name].origin
            self._fail(
                entry,
                "duplicate",
                f"node {name!r} is offered twice: by {other.through or other.source} and {origin.through or origin.source}",
                "offer it once: as an entry point, or in register_nodes",
            )
            return
        try:
            self.nodes[name] = describe(function, origin, name=name)
        except MlopsError as cause:
            self._fail(entry, "invalid", cause.message, cause.hint or "mend the declaration of the node")

    def _origin(self, source: str) -> dict[str, str]:
        return {
            "distribution": self.distribution.name,
            "version": self.distribution.version,
            "source": source,
            "digest": self.digest,
        }

    def _pipeline(self, entry: EntryPoint, offered: object) -> None:
        pipeline = offered() if callable(offered) else offered
        if not isinstance(pipeline, Pipeline):
            self._fail(
                entry,
                "invalid",
                f"{entry.value} is {type(pipeline).__name__}, not a Pipeline",
                "let the entry point name a mlops.Pipeline, or a function that returns one",
            )
        elif pipeline.name != entry.name:
            self._fail(
                entry,
                "invalid",
                f"the entry point is {entry.name!r}, the pipeline it names is {pipeline.name!r}",
                "give both one name",
            )
        else:
            self._add_pipeline(entry, pipeline)

    def _add_pipeline(self, entry: EntryPoint, pipeline: Pipeline) -> None:
        if pipeline.name in self.pipelines:
            self._fail(entry, "duplicate", f"pipeline {pipeline.name!r} is offered twice", "offer it once")
            return
        own = replace(pipeline, distribution=self.distribution.name, version=self.distribution.version)
        self.pipelines[pipeline.name] = to_data(own)

    def _plugin(self, entry: EntryPoint, offered: object) -> None:
        from mlops.plugins.hooks import implemented, misspelt

        for wrong, similar in misspelt(offered):
            self._fail(
                entry,
                "misspelt",
                f"it implements the hook {wrong!r}, which does not exist",
                f"did you mean {similar!r}?" if similar else "see mlops/plugins/hookspecs.py for the hooks there are",
            )
        names = implemented(offered)
        places = {name: place for name, place in names.items() if place}
        self.hooks.append(HookPlugin(name=entry.name, value=entry.value, hooks=tuple(names), places=places))
        if "register_nodes" in names:
            for function in _listed(offered.register_nodes(), "register_nodes"):  # type: ignore[attr-defined]  # in names
                origin = Origin(**self._origin(source_of(function)), through=entry.value)
                self._add_node(entry, function, origin, node_name(function))
        if "register_pipelines" in names:
            for pipeline in _listed(offered.register_pipelines(), "register_pipelines"):  # type: ignore[attr-defined]
                if not isinstance(pipeline, Pipeline):
                    raise TypeError(f"register_pipelines returned {type(pipeline).__name__}, not a Pipeline")
                self._add_pipeline(entry, pipeline)

    def _command(self, entry: EntryPoint, offered: Any) -> None:  # Any: a click command
        if not hasattr(offered, "get_short_help_str"):
            raise TypeError(f"{entry.value} is {type(offered).__name__}, not a click command")
        self.commands.append(Command(name=entry.name, value=entry.value, help=offered.get_short_help_str(100)))

    def _fail(self, entry: EntryPoint, reason: Reason, problem: str, hint: str, detail: str = "") -> None:
        self.failures.append(
            Failure(
                distribution=self.distribution.name,
                version=self.distribution.version,
                entry_point=entry.name,
                reason=reason,
                problem=problem,
                hint=hint,
                group=entry.group,
                detail=detail[-DETAIL:],
            )
        )


def _listed(value: object, hook: str) -> list[Any]:  # Any: what the plugin returned, checked by the caller
    if not isinstance(value, Iterable):
        raise TypeError(f"{hook} returned {type(value).__name__}, not a list")
    return list(value)


@contextmanager
def _put_back() -> Iterator[None]:
    """Put back what a guest may have changed of the process, so that the next one is not blamed for it."""
    path, folder, streams = list(sys.path), os.getcwd(), (sys.stdin, sys.stdout, sys.stderr)
    try:
        yield
    finally:
        sys.path[:] = path
        os.chdir(folder)
        sys.stdin, sys.stdout, sys.stderr = streams
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _sentence(cause: BaseException) -> str:
    from pluggy import PluginValidationError

    try:
        lines = str(cause).strip().splitlines()
        # the first line of pluggy says where, and only the last one what
        text = ": ".join((lines[0], lines[-1]) if isinstance(cause, PluginValidationError) else lines[:1])
    except Exception:  # an exception's own text may raise
        text = ""
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def _mend(cause: BaseException, distribution: Distribution) -> str:
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        top = cause.name.partition(".")[0]
        own = {entry.value.partition(".")[0].partition(":")[0] for entry in distribution.entry_points}
        if top in own:
            return f"the distribution does not hold the module {cause.name!r}: check its entry points and its build"
        return f"install the package that holds {top!r}, or add it to the dependencies of {distribution.name}"
    if isinstance(cause, AttributeError) and cause.name and cause.obj is not None:
        similar = closest(cause.name, dir(cause.obj))
        if similar:
            return f"did you mean {similar!r}? The entry point must name what the module holds"
    return f"mend {distribution.name}, upgrade it, or switch it off with MLOPS_DISABLE_PLUGINS={distribution.name}"


def _printed(knowledge: Knowledge, text: str) -> Knowledge:
    first = text.strip().partition("\n")[0][:80]
    failure = Failure(
        distribution=knowledge.distribution,
        version=knowledge.version,
        entry_point="",
        reason="prints",
        problem=f"it prints when it is imported: {first!r}",
        hint="print inside the node, or use logging",
        severity="warning",
        detail=text[-DETAIL:],
    )
    return replace(knowledge, failures=(*knowledge.failures, failure))


def _encoded(knowledge: Knowledge) -> bytes:
    """Return the answer as one line; a plugin whose texts cannot be written is broken as a whole."""
    try:
        return msgspec.json.encode(knowledge)
    except UnicodeEncodeError as cause:
        failure = Failure(
            distribution=knowledge.distribution,
            version=knowledge.version,
            entry_point="",
            reason="invalid",
            problem=f"a text of its declarations is no Unicode: {cause.object[:80]!a}",
            hint="repair the text: a name, a default or a description holds half of a surrogate pair",
        )
        return msgspec.json.encode(
            replace(knowledge, nodes=(), pipelines=(), hooks=(), commands=(), failures=(failure,), seconds=0.0)
        )


def main() -> None:
    """Answer each distribution on standard input with what is to know of it, until the input ends."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    questions = os.fdopen(os.dup(0), "rb")
    with tempfile.TemporaryFile() as caught, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(caught.fileno(), 1)
        os.dup2(caught.fileno(), 2)
        sys.stdout = TextIOWrapper(os.fdopen(1, "wb", closefd=False), write_through=True)
        sys.stderr = TextIOWrapper(os.fdopen(2, "wb", closefd=False), write_through=True)
        process = os.getpid()
        for line in questions:
            with _put_back():
                knowledge = look_at(msgspec.json.decode(line, type=Distribution))
            if os.getpid() != process:  # a plugin forked when it was imported: one process answers
                os._exit(0)
            sys.stdout.flush()
            caught.seek(0)
            text = caught.read().decode(errors="replace")
            caught.seek(0)
            caught.truncate()
            answers.write(_encoded(_printed(knowledge, text) if text.strip() else knowledge) + b"\n")
        answers.close()
        os._exit(0)  # threads and exit handlers of a plugin have no say in it


if __name__ == "__main__":
    main()

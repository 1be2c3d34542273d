"""The whole contract between mlops and its plugins: what a plugin may implement, and what becomes of it.

Mark an implementation with ``@hookimpl`` in a module (or on an object) that the entry point group ``mlops.plugins``
names. Hooks come in two sorts here:

*providers* (``register_*``, ``provide_*``) return values. One that raises at the look makes its plugin a broken row of
``mlops plugins list``; one that raises later stops what needed it.

*observers* (``before_*``, ``after_*``, ``on_*``) are told what happens. One that raises never fails a run: the error is
collected and shown at the end. One that does not come back within ``plugins.hook_timeout`` is told in the same way and
left behind, and the observers of its distribution are not called again in that process. They are called in a thread of
their own.

*guards* (``check_*``) may veto. They return nothing where all is well, and a text, or several, that say what is wrong; an
``MlopsError`` that they raise brings a hint along. Every guard is asked, and all that they object to is one error. A guard
that raises anything else vetoes as well: what could not be checked does not pass.

Ask only for the arguments you need. Implementations are called in the order of their distributions' names, those marked
``@hookimpl(tryfirst=True)`` before and those marked ``@hookimpl(trylast=True)`` after all others; ``mlops plugins show NAME``
prints the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from mlops.compile.objects import Deployment
    from mlops.datasets.serializers import Serializer
    from mlops.deploy.plan import Plan
    from mlops.nodes import Node
    from mlops.pipeline import Pipeline
    from mlops.runs.outcome import AuthFallback, NodeOutcome, RunInfo, RunOutcome

hookspec = pluggy.HookspecMarker("mlops")
hookimpl = pluggy.HookimplMarker("mlops")


@hookspec
def register_nodes() -> Iterable[Callable[..., object]]:  # type: ignore[empty-body]  # a specification
    """Offer nodes: functions, marked with ``@node`` or not.

    Called when the plugin is looked at (once per version of its distribution, the answer is remembered) and when one of
    these nodes runs, locally and in the container. Return quickly, do no I/O: import heavy libraries inside the node's
    function. Names are unique within a distribution; a second one is a broken row.
    """


@hookspec
def register_pipelines() -> Iterable[Pipeline]:  # type: ignore[empty-body]  # a specification
    """Offer pipelines.

    Called when the plugin is looked at; the answer is remembered per version of its distribution.
    """


@hookspec
def register_serializers() -> Iterable[Serializer]:  # type: ignore[empty-body]  # a specification
    """Offer ways to store further types of datasets.

    Called once in every process that reads or writes a dataset, before the first one. Two plugins that store one type
    are an error that names both.
    """


@hookspec
def provide_connection(folder: str) -> AbstractContextManager[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Offer a Snowflake to runs on a target without an account.

    Called once a run, in the process of ``mlops run`` or ``mlops run-node``, and only when a node asks for a service.
    Return a context manager: entered, it gives keyword arguments for ``snowflake.connector.connect``; left at the end of
    the run, it ends what it has started. ``folder`` is the project's data folder, where state may be kept. Of several
    plugins that provide one, the first by name does.
    """


@hookspec
def before_pipeline_run(run: RunInfo) -> None:
    """Observe that a run starts. Called once, in the process of ``mlops run``, before the first node."""


@hookspec
def after_pipeline_run(run: RunInfo, outcome: RunOutcome) -> None:
    """Observe that a run has ended well. Called once, in the process of ``mlops run``."""


@hookspec
def on_pipeline_error(run: RunInfo, outcome: RunOutcome) -> None:
    """Observe that a run has failed or was stopped. Called once, in the process of ``mlops run``."""


@hookspec
def before_node_run(run: RunInfo, node: Node, attempt: int) -> None:
    """Observe that a node is about to be called. Called once an attempt, in the process that calls the function."""


@hookspec
def after_node_run(run: RunInfo, node: Node, outcome: NodeOutcome) -> None:
    """Observe that a node has ended well and its outputs are committed. Called in the process that called the function."""


@hookspec
def on_node_error(run: RunInfo, node: Node, outcome: NodeOutcome) -> None:
    """Observe that an attempt of a node has failed. Called in the process that called the function."""


@hookspec
def check_dataset(run: RunInfo, node: Node, dataset: str, value: object) -> str | Iterable[str] | None:
    """Object to a dataset before it is committed: the node then fails, and none of its outputs are committed.

    Called for each output of a node that has returned, in the process of the node. ``value`` is what the node returned: a
    DataFrame, a model, a path; leave it as it is. Return nothing where it is as it should be, otherwise a text for each
    thing that is wrong. Not called for a node whose outputs are reused.
    """


@hookspec
def on_auth_fallback(fallback: AuthFallback) -> None:
    """Observe that a session was made with other credentials than were wanted, for an alert.

    Called at most once a process, in the one that makes the session: that of a node, or of a command. Jobs that mlops
    generates never fall back.
    """


@hookspec
def check_deployment(deployment: Deployment, plan: Plan) -> str | Iterable[str] | None:
    """Object to a deployment before anything is written: ``mlops deploy`` then refuses, and ``mlops plan`` tells.

    Called once, in the process of the command, after Snowflake was read; also for a plan that changes nothing.
    ``deployment`` is what Snowflake is to hold, ``plan`` what would be created, changed and
    dropped for that. Return nothing where both are as they should be, otherwise a text for each thing that is wrong.
    """


@hookspec
def after_deploy(deployment: Deployment, plan: Plan) -> None:
    """Observe that a deployment has ended well. Called once, in the process of ``mlops deploy``, if anything was written."""

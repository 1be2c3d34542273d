"""A task's container: the nodes that a job specification names, run in order with the run's identity, session and datasets.

A node whose outputs are committed in this run, by the same code, from the same parameters and inputs, is kept: so a task
that is retried goes on where it failed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import mlops
from mlops.container.cpus import THREADS, bound_threads
from mlops.container.environment import TaskEnvironment, log_format, make_folder, task_environment
from mlops.container.grace import STOPPED, ended_within
from mlops.container.job_log import JobLog
from mlops.container.return_value import return_value
from mlops.container.service_run import PARAMETERS, ServiceRun
from mlops.container.skew import refuse_skew
from mlops.container.work import Work, run_one
from mlops.errors import MlopsError
from mlops.plugins.loading import load_function
from mlops.project import Project
from mlops.runs.attempt import Prepared
from mlops.runs.connection import connection_for
from mlops.runs.exit_codes import exit_code_of, exit_code_of_failure
from mlops.runs.node_run import Stopped
from mlops.runs.outcome import ErrorInfo, NodeOutcome, RunInfo
from mlops.runs.preparation import observers_of
from mlops.runs.stopping import stopped_by_signals
from mlops.runs.stores import Stores

if TYPE_CHECKING:
    from mlops.plugins.discovery import Found


class TaskRun(Protocol):
    """The run of a task graph that a container belongs to."""

    def identity(self) -> tuple[str, Mapping[str, Any]]:  # Any: JSON
        """Return the id of the run, which a retry keeps, and its CONFIG."""

    def set_return_value(self, text: str) -> None:
        """Set what the task returns."""


def run_task(names: Sequence[str], *, environ: Mapping[str, str] = os.environ, out: TextIO | None = None) -> int:
    """Run nodes in order and return the exit code; whatever happens is told in the log on ``out``."""
    log = JobLog(out or sys.stdout, as_json=log_format(environ) == "json")
    stopped: list[str] = []
    with log.installed():
        try:
            with stopped_by_signals(stopped.append, interrupt=True):
                error = _run(names, environ, log)
                code, why = (
                    (0, None) if error is None else (exit_code_of_failure(error), f"{error.type}: {error.message}")
                )
        except Stopped:
            log.say("WARN", f"{stopped[0]}; what was not committed is lost, a retry runs it again")
            return STOPPED
        except MlopsError as cause:
            code, why = exit_code_of(cause), cause.message
            attributes = {"exception.type": type(cause).__name__, "mlops.exit_code": code, "mlops.hint": cause.hint}
            log.say("ERROR", cause.message, {name: one for name, one in attributes.items() if one is not None})
        if "MLOPS_ON_FAILURE" in environ:  # it is that of a finalizer node
            from mlops.container.notice import tell_failures

            tell_failures(why, environ, log)
        return code


def _run(names: Sequence[str], environ: Mapping[str, str], log: JobLog) -> ErrorInfo | None:
    """Run nodes in order, and return why the first that failed did."""
    environment = task_environment(environ)
    project = Project(os.sep)  # an image holds no project file: what a run needs to know comes from its task
    found = [project.find(name) for name in names]
    origins = {one.node.origin.distribution: one.node.origin.version for one in found}
    versions = {"mlops-framework": mlops.__version__, **origins}
    refuse_skew(environment.versions, versions)
    if threads := bound_threads(os.environ):
        log.say("INFO", f"numeric libraries start {threads} threads, as many CPUs as the container may use ({THREADS})")
    functions = {one.node.full_name: load_function(one.node) for one in found}
    hooked = {knowledge.distribution: knowledge for one in found for knowledge in one.hooked}.values()
    pipeline = environment.pipeline
    with (
        ended_within(project.settings.grace, STOPPED, partial(log.say, "ERROR", "the node does not end: it is killed")),
        ExitStack() as stack,
        log.about(pipeline=pipeline, node=_listed(found)),
    ):
        choice = connection_for(project.settings, hooked, environ=environ)
        log.say("INFO", f"session: {choice.auth_mode}, because {choice.reason}")
        connection = choice.open(stack)
        assert connection is not None, "connection_for never means nowhere"
        from mlops.snowflake.services import SnowflakeServices
        from mlops.snowflake.session import SnowflakeSession
        from mlops.snowflake.task_run import SnowflakeTaskRun

        hooks, told = observers_of(hooked, project.settings.plugins.hook_seconds)
        session = SnowflakeSession(connection, tag=f"mlops {pipeline}.{_listed(found)}", on_fallback=told)
        stack.callback(session.close)
        task: TaskRun = ServiceRun(environ) if PARAMETERS in environ else SnowflakeTaskRun(session)
        run_id, config = task.identity()
        run = _run_info(run_id, environment, versions, session.auth_mode)
        make_folder(run.folder, environment.data)
        services = SnowflakeServices(session)
        stores = Stores(
            run.folder,
            hooked,
            allow_pickle=project.settings.allow_pickle,
            session=partial(services.get, "session"),
        )
        work = Work(
            environment=environment,
            run=run,
            shared=_shared_folder(run_id, environment),
            config=config,
            prepared=Prepared(stores, services, hooks),
            log=log,
        )
        outcomes: list[NodeOutcome] = []
        for one in found:
            with log.about(run=run_id, node=one.node.full_name, replica=environment.replica_index):
                outcome = run_one(one.node, functions[one.node.full_name], work)
                outcomes.append(outcome)
                if not outcome.state.good:
                    return outcome.error or ErrorInfo("RunError", f"it is {outcome.state.value}")
        if environment.replica_index == 0:
            session.tag(f"mlops {pipeline} {run_id}")
            task.set_return_value(return_value(run, outcomes))
    return None


def _shared_folder(run_id: str, environment: TaskEnvironment) -> str:
    return os.path.join(environment.data, environment.pipeline, run_id)


def _run_info(run_id: str, environment: TaskEnvironment, versions: Mapping[str, str], auth_mode: str) -> RunInfo:
    """Return the run that this container has a part in; a replica's folder is one of its own in the run's."""
    folder = _shared_folder(run_id, environment)
    if environment.replica_count > 1:
        folder = os.path.join(folder, f"replica-{environment.replica_index}-of-{environment.replica_count}")
    return RunInfo(
        run_id=run_id,
        pipeline=environment.pipeline,
        folder=folder,
        started=time.time(),
        versions=versions,
        target="task",
        auth_mode=auth_mode,
        executor="container",
    )


def _listed(found: Sequence[Found]) -> str:
    return "+".join(one.node.name for one in found)

"""The notice that a run has failed, sent by the container of its finalizer: what failed in the run, and the finalizer itself.

It is sent whatever the finalizer node came to, also when its plugin cannot be loaded, and never changes the exit code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack

from mlops.compile.notification import VARIABLE, notification_in
from mlops.container.job_log import JobLog
from mlops.errors import MlopsError
from mlops.project import Project
from mlops.runs.connection import connection_for


def tell_failures(own: str | None, environ: Mapping[str, str], log: JobLog) -> None:
    """Send what failed in the run that this container ends; nothing where nothing did. ``own`` is why its node failed."""
    try:
        _tell_failures(own, environ, log)
    except MlopsError as cause:
        attributes = {} if cause.hint is None else {"mlops.hint": cause.hint}
        log.say("ERROR", f"nobody is told what failed in the run: {cause.message}", attributes)


def _tell_failures(own: str | None, environ: Mapping[str, str], log: JobLog) -> None:
    from mlops.snowflake.session import SnowflakeSession
    from mlops.snowflake.task_run import SnowflakeTaskRun

    notification = notification_in(environ[VARIABLE])
    with ExitStack() as stack, log.about(node="on_failure"):  # what is logged on the way is not the node's
        connection = connection_for(Project(os.sep).settings, (), environ=environ).open(stack)
        assert connection is not None, "connection_for never means nowhere"
        session = SnowflakeSession(connection, tag="mlops on_failure")
        stack.callback(session.close)
        task = SnowflakeTaskRun(session)
        failed = [f"{name}: {why}" for name, why in task.failures()]
        if own is not None:
            failed.append(f"the finalizer: {own}")
        if not failed:
            return
        run, _ = task.identity()
        task.notify(notification, f"{notification.subject}: {'; '.join(failed)} (run {run})")
    log.say("INFO", f"told through {notification.integration} that {len(failed)} tasks failed")

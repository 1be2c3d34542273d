"""Methods of a service: `SELECT job!SPCS_CANCEL_JOB()`, `CALL job!SPCS_WAIT_FOR('DONE', 60)`, `TABLE(job!SPCS_GET_LOGS())`.

A call is rewritten to a function whose first argument is the job's name, before anything else looks at the `!`.
"""

from __future__ import annotations

from mlops_embedded.catalog import parse_name
from mlops_embedded.errors import invalid_value
from mlops_embedded.jobs.functions import await_status
from mlops_embedded.jobs.runner import runner_of
from mlops_embedded.jobs.running_service import RunningJob
from mlops_embedded.jobs.service import STATUSES
from mlops_embedded.sql.functions import Arguments, query_rewrite, scalar_function
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import Kind, string_literal

_METHODS = {"SPCS_CANCEL_JOB", "SPCS_WAIT_FOR", "SPCS_GET_LOGS"}


@query_rewrite
def name_the_job(session: Session, found: Statement) -> Statement:
    """Turn `d.s.job!METHOD(...)` into `METHOD('d.s.job', ...)`."""
    del session
    tokens = found.tokens
    for bang in range(len(tokens) - 3, 0, -1):
        if not tokens[bang].is_symbol("!") or tokens[bang + 1].text.upper() not in _METHODS:
            continue
        first = bang - 1
        while first >= 2 and tokens[first - 1].is_symbol(".") and tokens[first - 2].kind is Kind.WORD:
            first -= 2
        name = string_literal(found.text[tokens[first].start : tokens[bang].start])
        comma = "" if tokens[bang + 3].is_symbol(")") else ", "
        call = f"{tokens[bang + 1].text}({name}{comma}"
        return Statement.of(found.text[: tokens[first].start] + call + found.text[tokens[bang + 2].end :])
    return found


@scalar_function("SPCS_CANCEL_JOB")
def cancel_job(session: Session, arguments: Arguments) -> object:
    """Ask a job to end with SIGTERM, and after 30 seconds with SIGKILL; comes back at once."""
    runner = runner_of(session.account)
    job = runner.service(session, session.resolve(parse_name(arguments.require(0))), "OPERATE")
    if not job.is_job:
        raise invalid_value(f"{job.name} is no job service: suspend or drop it")
    running = runner.running(job.name)
    if not isinstance(running, RunningJob):
        return f"Job {job.name.name} has ended already with status: {job.status}."
    running.cancel()
    return f"Job {job.name.name} is being cancelled."


@scalar_function("SPCS_WAIT_FOR")
def wait_for_status(session: Session, arguments: Arguments) -> object:
    """Wait until a service has a status, at most so many seconds.

    Raises:
        SnowflakeError: it does not get it within the time, or never will; the message says which it has.
    """
    wanted = str(arguments.require(1)).upper()
    if wanted not in STATUSES:
        raise invalid_value(f"SPCS_WAIT_FOR waits for {', '.join(sorted(STATUSES))}, not for {wanted}")
    runner, name = runner_of(session.account), session.resolve(parse_name(arguments.require(0)))
    runner.service(session, name)
    seconds = float(arguments.require(2))
    if await_status(session, name, frozenset({wanted}), seconds):
        return f"Service {name.name} has reached status {wanted}."
    status = runner.service(session, name).status
    raise invalid_value(
        f"service {name} did not reach status {wanted} within {seconds:g} seconds: its status is {status}"
    )

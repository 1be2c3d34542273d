"""What ``plan``, ``deploy`` and ``destroy`` share: the account of the chosen target, guards, and progress of calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from mlops.deploy.account import Account
from mlops.deploy.calls import Progress
from mlops.errors import AccountError, UsageError
from mlops.snowflake.session import SnowflakeSession

if TYPE_CHECKING:
    from mlops.compile.objects import Deployment
    from mlops.deploy.plan import Plan
    from mlops.plugins.hooks import Objection
    from mlops.project import Project

GUARD, OBSERVER = "check_deployment", "after_deploy"
_MOST_LINES = 60


class Opened(Struct, frozen=True):
    """What a command works on while it is connected: the account, and the threads that calls are made on."""

    session: SnowflakeSession
    account: Account
    pool: Executor


@contextmanager
def opened(project: Project, connection: str | None, deployment: Deployment | None = None) -> Iterator[Opened]:
    """Yield the account of the chosen target, at the place of a deployment or of the target; closed at the end.

    Raises:
        RunError, AccountError: the target has no connection, or Snowflake is out of reach.
    """
    from mlops.snowflake.account import account_on
    from mlops.snowflake.identifiers import stored
    from mlops.snowflake.session import open_session

    target = project.settings.chosen_target
    with open_session(project.settings, project.discovery.known, connection=connection, tag="mlops deploy") as session:
        database = deployment.database if deployment else stored(target.database or session.connection.database or "")
        schema = deployment.schema if deployment else stored(target.schema or session.connection.schema or "")
        if not database or not schema:
            raise AccountError(
                f"target {target.name!r} has no database and schema",
                hint=f"write both under [tool.mlops.targets.{target.name}], or in its connection",
            )
        account = account_on(session, database=database, schema=schema, width=target.width)
        with ThreadPoolExecutor(target.width, thread_name_prefix="mlops-deploy") as pool:
            yield Opened(session, account, pool)


def surveyed(project: Project, on: Opened, deployment: Deployment, *, prune: bool, quick: bool = False) -> Plan:
    """Return what would be done for the account to hold a deployment, its image pinned to the digest that its tag has.

    An image that is not there yet is told, and does not stop the deployment: it is needed when the graph runs.
    """
    from mlops.compile.names import image_path
    from mlops.deploy.state import QUICK
    from mlops.deploy.survey import survey
    from mlops.snowflake.identifiers import stored
    from mlops.snowflake.images import pinned_image

    target = project.settings.chosen_target
    notes: tuple[str, ...] = ()
    image = image_path(
        target.image,
        database=deployment.database,
        schema=deployment.schema,
        repository=stored(target.image_repository),
    )
    try:
        pinned = image and pinned_image(on.session, image)
    except AccountError as cause:
        pinned, notes = image, (f"{cause.message}: {cause.hint}" if cause.hint else cause.message,)
    if pinned and pinned != image:
        deployment = project.deployment(deployment.pipeline, image=pinned)
    reads = QUICK - 1 if quick else None  # the list of images was one
    plan = survey(on.account, deployment, on.pool, prune=prune, reads=reads, notes=notes)
    return replace(plan, consequences=(*plan.consequences, *_lacking(project, on, plan)))


def _lacking(project: Project, on: Opened, plan: Plan) -> list[str]:
    """Return what the role lacks for a plan that changes something; the administrator lacks nothing that can be given."""
    from mlops.cli.grants import services_in
    from mlops.compile.privileges import owner_privileges
    from mlops.deploy.privileges import lacking
    from mlops.operate.checkup import ADMINISTRATOR
    from mlops.snowflake.inspection import SnowflakeInspection

    role = on.account.role
    if not plan.steps or role is None or role == ADMINISTRATOR:
        return []
    target = project.settings.chosen_target
    needed = owner_privileges(
        plan.deployment,
        services=services_in(project, plan.deployment),
        notification=target.on_failure.integration if target.on_failure is not None else None,
    )
    try:
        held = SnowflakeInspection(on.session).held(role)
    except AccountError as cause:
        return [f"what role {role} may do cannot be read: {cause.message}"]
    return lacking(plan, needed, held, role)


def pipeline_named(project: Project, name: str | None) -> str:
    """Return the pipeline that a command is about: that of this name, or the only one.

    Raises:
        UsageError: there are several, and no name says which.
    """
    if name is not None:
        return name
    names = sorted({one.name for one in project.registry.pipelines})
    if len(names) == 1:
        return names[0]
    raise UsageError(
        f"{len(names)} pipelines are installed or declared" if names else "no pipeline is installed or declared",
        hint=f"say which: {', '.join(names)}" if names else "see mlops pipelines list",
    )


def objections_to(project: Project, plan: Plan) -> list[Objection]:
    """Return what guards of the installed plugins have against a plan."""
    from mlops.plugins.hooks import Hooks

    hooks = Hooks(project.discovery.known, (GUARD,))
    return hooks.objections(GUARD, deployment=plan.deployment, plan=plan)


def confirmed(question: str, *, yes: bool) -> None:
    """Ask a person, unless ``yes`` was said.

    Raises:
        UsageError: there is no terminal to ask on.
        click.Abort: the person says no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="add --yes")
    click.confirm(question, abort=True, err=True)


@contextmanager
def progress_of_calls(*, quiet: bool) -> Iterator[Progress]:
    """Yield what shows calls on standard error as they are made: a bar on a terminal, lines elsewhere."""
    if quiet:
        yield lambda done, total, what: None
    elif sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI"):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        columns = (BarColumn(bar_width=30), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task("", total=None)
            yield lambda done, total, what: bars.update(task, completed=done, total=total, description=what)
    else:
        yield _line


def _line(done: int, total: int, what: str) -> None:
    """Print every call of a small deployment, and of a large one as many as a person reads."""
    if total <= _MOST_LINES or done % (total // 20) == 0 or done == total:
        click.echo(f"[{done}/{total}] {what}", err=True)


@contextmanager
def stopped_once() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop what is under way, and not what puts it back: only a third one ends that."""
    from mlops.runs.stopping import signals_handled

    seen = 0

    def handle(number: int, frame: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            click.echo("putting back what was written; once more leaves it to the next deploy", err=True)
        else:
            raise KeyboardInterrupt

    with signals_handled(handle):
        yield

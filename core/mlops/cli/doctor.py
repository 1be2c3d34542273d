"""``mlops doctor``: whether everything is there that the project needs, and how to mend what is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from mlops.cli import options
from mlops.cli.grants import names_of, services_in
from mlops.cli.output import paint, print_json

if TYPE_CHECKING:
    from mlops.errors import MlopsError
    from mlops.operate.checkup import Finding, Wanted
    from mlops.operate.deployed import DeployedPipeline
    from mlops.project import Project

PACKAGES = (
    "snowflake-connector-python",
    "snowflake-core",
    "snowflake-snowpark-python",
    "snowflake-ml-python",
)
_MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}
_SECRETIVE = ("PASSWORD", "TOKEN", "KEY", "PASSCODE", "SECRET")


@click.command()
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...", shell_complete=options.complete_pipelines)
@click.option("--session", "session_only", is_flag=True, help="Only explain where the session comes from, and open it.")
@options.target
@options.connection
@options.as_json
def doctor(
    pipelines: tuple[str, ...], session_only: bool, target: str | None, connection: str | None, as_json: bool
) -> int:
    """Check connection, versions, role, privileges, database, schema, pools, image, stage and event table.

    Each finding says how to mend it. The exit code is 3 if something in Snowflake fails, 1 if something here does.

    \b
    Examples:
      mlops doctor churn --target prod
      mlops doctor --session
    """
    project = options.project(target=target)
    here, there = _session(project, connection) if session_only else _examine(project, pipelines, connection)
    found = [*here, *there]
    if as_json:
        print_json(
            {
                "target": project.settings.target,
                "ok": all(one.state != "failed" for one in found),
                "findings": [
                    {"check": one.check, "state": one.state, "said": one.said, "mend": one.mend or None}
                    for one in found
                ],
            }
        )
    else:
        _tell(found)
    if any(one.state == "failed" for one in there):
        return 3
    return 1 if any(one.state == "failed" for one in here) else 0


def _examine(
    project: Project, pipelines: tuple[str, ...], connection: str | None
) -> tuple[list[Finding], list[Finding]]:
    from mlops.errors import MlopsError
    from mlops.operate.checkup import check_packages, check_pipelines, no_target

    here = [*check_packages({name: _version(name) for name in PACKAGES}), *_plugins(project)]
    wanted: list[Wanted] = []
    refused: dict[str, MlopsError] = {}
    names = pipelines or names_of(project)
    if project.settings.target_tables is None and not pipelines:
        here.append(no_target())
        names = ()
    for name in names:
        try:
            wanted.append(_wanted(project, name))
        except MlopsError as problem:
            refused[name] = problem
    there, deployed = _look(project, connection, wanted)
    return [*here, *check_pipelines(wanted, refused, deployed)], there


def _wanted(project: Project, name: str) -> Wanted:
    from mlops.compile.privileges import owner_privileges
    from mlops.operate.checkup import Wanted

    deployment = project.deployment(name)
    chosen = project.settings.chosen_target
    notification = chosen.on_failure.integration if chosen.on_failure is not None else None
    services = services_in(project, deployment)
    privileges = owner_privileges(deployment, services=services, notification=notification)
    return Wanted(deployment, tuple(privileges), notification)


def _look(
    project: Project, connection: str | None, wanted: list[Wanted]
) -> tuple[list[Finding], list[DeployedPipeline] | None]:
    """Return what there is to say of the account, and what is deployed there; None if that cannot be read."""
    from mlops.cli.account import pipelines_in
    from mlops.errors import MlopsError
    from mlops.operate.checkup import Finding, check_account

    chosen = project.settings.chosen_target
    try:
        from mlops.snowflake.inspection import SnowflakeInspection
        from mlops.snowflake.operations import operations_on
        from mlops.snowflake.session import open_session
    except ImportError:  # the finding on packages tells
        return [], None
    try:
        with open_session(project.settings, project.discovery.known, connection=connection) as session:
            found = list(check_account(SnowflakeInspection(session), wanted, role=chosen.role))
            try:
                return found, pipelines_in(operations_on(session, chosen), project)
            except MlopsError:  # told by the finding that is about it
                return found, None
    except MlopsError as problem:
        return [Finding("connection", "failed", problem.message, problem.hint or "mlops doctor --session")], None


def _plugins(project: Project) -> Iterator[Finding]:
    from mlops.operate.checkup import Finding

    broken = [one for one in project.discovery.known if one.broken]
    for one in broken:
        reason = next(failure for failure in one.failures if failure.severity == "error")
        yield Finding(
            f"plugin {one.distribution}",
            "warning",
            reason.reason,
            reason.hint or f"mlops plugins show {one.distribution}",
        )
    if not broken:
        usable = ", ".join(f"{one.distribution} {one.version}" for one in project.discovery.known)
        yield Finding("plugins", "ok", usable or "none is installed")


def _session(project: Project, connection: str | None) -> tuple[list[Finding], list[Finding]]:
    """Explain where the session comes from, step by step as it is looked for, and open it. Values are never shown."""
    from mlops.container.detection import HINTS, MARKER, detect_container
    from mlops.errors import MlopsError
    from mlops.operate.checkup import Finding
    from mlops.runs.connection import connection_for

    settings = project.settings
    around = detect_container()
    here = [
        Finding("auth", "ok", f"{settings.auth} (from {settings.origins.get('auth', 'default')})"),
        Finding("container", "ok", f"{'yes' if around.container else 'no'}: {around.reason}"),
    ]
    given = sorted(name for name in os.environ if name.startswith("SNOWFLAKE_") or name in (MARKER, *HINTS))
    said = ", ".join(f"{name}={_shown(name)}" for name in given)
    here.append(Finding("environment", "ok", said or "no variable SNOWFLAKE_* is set"))
    named = settings.chosen_target.connection
    target = f"target {settings.target!r} names {f'connection {named!r}' if named else 'no connection'}"
    here.append(Finding("target", "ok", target))
    try:
        choice = connection_for(settings, project.discovery.known, name=connection)
    except MlopsError as problem:
        here.append(Finding("session", "failed", problem.message, problem.hint or ""))
        return here, []
    here.append(Finding("session", "ok", f"{choice.auth_mode}: {choice.reason}"))
    return here, _opened(project, connection)


def _opened(project: Project, connection: str | None) -> list[Finding]:
    from mlops.errors import MlopsError
    from mlops.operate.checkup import Finding
    from mlops.snowflake.inspection import SnowflakeInspection
    from mlops.snowflake.session import open_session

    try:
        with open_session(project.settings, project.discovery.known, connection=connection) as session:
            who = SnowflakeInspection(session).visitor()
            place = f"{who.database or 'no database'}.{who.schema or 'no schema'}"
            said = (
                f"account {who.account}, user {who.user}, role {who.role}, {place}, warehouse {who.warehouse or 'none'}"
            )
            found = [Finding("connection", "ok", f"{session.auth_mode}: {said}")]
            if session.fallback is not None:
                mend = "mend the session that was wanted, or set MLOPS_AUTH=inherited so that nothing falls back"
                found.append(Finding("fallback", "warning", str(session.fallback), mend))
            return found
    except MlopsError as problem:
        return [Finding("connection", "failed", problem.message, problem.hint or "")]


def _shown(name: str) -> str:
    return "***" if any(word in name for word in _SECRETIVE) and not name.endswith("_FILE") else os.environ[name]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _tell(found: list[Finding]) -> None:
    width = max(len(one.check) for one in found)
    for one in found:
        click.echo(f"{paint(one.state, _MARKS[one.state])} {one.check:<{width}}  {one.said}")
        if one.mend and one.state != "ok":
            click.echo(f"  {'':<{width}}  mend: {one.mend}")
    counts = {state: sum(one.state == state for one in found) for state in _MARKS}
    click.echo(f"\n{counts['ok']} ok, {counts['warning']} warnings, {counts['failed']} failed")

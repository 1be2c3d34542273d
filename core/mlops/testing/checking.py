"""Checking that a plugin keeps the contract: the same checks for an installed one, a folder and a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from msgspec import DecodeError, Struct, json

from mlops.errors import ProjectError, UnknownNameError
from mlops.testing.findings import Check, Finding, Report
from mlops.testing.request import Request

if TYPE_CHECKING:
    from mlops.testing.subject import Subject

_START = "import sys; sys.path.pop(0); from mlops.testing.checking import main; main()"


class _Answer(Struct, frozen=True):
    report: Report | None = None
    error: str = ""
    hint: str | None = None


def check(
    plugin: str | os.PathLike[str],
    *,
    parameters: Mapping[str, str] | None = None,
    run: bool = True,
    embedded: bool = True,
    seconds: float = 300.0,
) -> Report:
    """Check a plugin: the name of an installed distribution, the folder of its project, or a wheel.

    A folder or a wheel is built and checked beside what is installed, without installing it. ``parameters`` make its
    nodes run smaller, ``{"customer_count": "200"}``; ``run`` false only looks at them. ``embedded`` false leaves out the
    comparison with the embedded Snowflake.

    Raises:
        UnknownNameError: no distribution of this name is installed, and there is no such folder or file.
        ProjectError: the folder or wheel cannot be built.
    """
    request = Request(os.fspath(plugin), dict(parameters or {}), run, embedded, seconds)
    source = Path(request.plugin)
    if source.is_dir() and (os.sep in request.plugin or not _is_installed(request.plugin)):
        return _aside(request, source)
    if source.suffix == ".whl" or source.is_file():
        if not source.is_file():
            raise ProjectError(f"there is no file {request.plugin!r}")
        return _aside(request, source)
    return _checked(request)


def _is_installed(name: str) -> bool:
    from mlops.plugins.distributions import normalized, plugin_distributions

    return any(one.name == normalized(name) for one in plugin_distributions())


def _aside(request: Request, source: Path) -> Report:
    """Check what a folder or wheel holds, in a process that finds it installed."""
    from msgspec.structs import replace

    from mlops.testing.installation import installed_aside

    with installed_aside(source) as (name, site), TemporaryDirectory(prefix="mlops-check-") as cache:
        path = [str(site), *(entry for entry in sys.path if entry)]
        ended = subprocess.run(
            [sys.executable, "-c", _START],
            input=json.encode(replace(request, plugin=name)),
            stdout=subprocess.PIPE,
            cwd=cache,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "MLOPS_CACHE_DIR": cache},
            check=False,
        )
    try:
        answer = json.decode(ended.stdout, type=_Answer)
    except DecodeError:
        raise ProjectError(f"the process that checked {name} ended with code {ended.returncode}") from None
    if answer.report is None:
        raise ProjectError(answer.error, hint=answer.hint)
    return answer.report


def main() -> None:
    """Answer the request on standard input with a report on standard output."""
    from mlops.errors import MlopsError

    out = os.dup(1)
    os.dup2(2, 1)  # what a plugin prints while it is looked at is no part of the answer
    try:
        answer = _Answer(_checked(json.decode(sys.stdin.buffer.read(), type=Request)))
    except MlopsError as cause:
        answer = _Answer(error=cause.message, hint=cause.hint)
    with os.fdopen(out, "wb") as file:
        file.write(json.encode(answer))


def _checked(request: Request) -> Report:
    from mlops.plugins.distributions import normalized
    from mlops.plugins.policy import Policy
    from mlops.project import Project
    from mlops.testing.subject import Subject
    from mlops.testing.target import NAME as TARGET
    from mlops.testing.target import SETTINGS

    with TemporaryDirectory(prefix="mlops-check-") as folder:
        Path(folder, "mlops.toml").write_text(SETTINGS, encoding="utf-8")
        project = Project(folder, flags={"target": TARGET})
        project.discovery = project.discover(refresh=False)
        name = normalized(request.plugin)
        known = {one.distribution: one for one in project.discovery.known}
        if name not in known:
            why = Policy.why_not(project.settings.plugins, name)
            raise UnknownNameError(
                kind="plugin",
                name=request.plugin,
                known=known,
                hint=None
                if why is None or name not in {one.distribution for one in project.discovery.blocked}
                else why,
            )
        subject = Subject(known[name], project, request, folder)
        return Report(name, known[name].version, tuple(_made(check, subject) for check in _checks()))


Make: TypeAlias = "Callable[[Subject], tuple[str, list[Finding]]]"
"""Makes one check of a plugin: what was looked at, in words, and what is wrong with it."""


def _made(check: tuple[str, str, Make], subject: Subject) -> Check:
    name, title, make = check
    told, findings = make(subject)
    return Check(name, title, told, tuple(findings))


def _checks() -> tuple[tuple[str, str, Make], ...]:
    from mlops.testing import declarations, performances

    return (
        ("loads", "every entry point names something that can be used", declarations.loads),
        ("metadata", "the distribution says what it is and what it needs", declarations.metadata),
        ("import", "importing it is light: little time, no Snowflake, no network, no process, no output",
         declarations.import_is_light),
        ("names", "its names are free among what is installed", declarations.names_are_free),
        ("secrets", "no parameter is a secret", declarations.no_secrets),
        ("resources", "its resources fit an instance family of Snowflake", declarations.resources_fit),
        ("pipelines", "its pipelines fit together, and everything they write can be stored", declarations.pipelines_fit),
        ("job", "a task graph and a valid job specification follow from each of its pipelines", declarations.jobs_are_valid),
        ("outputs", "every node that can be run writes what it declares", performances.outputs_are_written),
        ("deterministic", "a node that says so writes the same again", performances.deterministic_nodes_repeat),
        ("parity", "on the embedded Snowflake it writes what it writes without", performances.same_on_embedded),
    )  # fmt: skip

"""A job file written by hand: a service specification with placeholders, read strictly.

Placeholders such as ``<SNOWFLAKE_DATABASE>`` are resolved in single values, once the file is read: no value can change
what the file says beyond its place. A list of ``env``, as Kubernetes has it, is understood and warned of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from mlops.compile.rules import misfits_of
from mlops.compile.specification import Specification
from mlops.compile.yaml_source import Source, YamlError, read_yaml
from mlops.configuration.targets import Target
from mlops.credentials import looks_like_a_credential
from mlops.errors import JobFileError, MlopsError, SeveralError, closest
from mlops.validation import Misfit, Path, fitted

_PLACEHOLDER = re.compile(r"<([A-Za-z][A-Za-z0-9_]*)>")
_SHORT = ("account", "database", "schema", "warehouse", "user", "role")


class JobFile(Struct, frozen=True):
    """A specification read from a file, and what its reader should know of it."""

    specification: Specification
    warnings: tuple[str, ...] = ()


def placeholders_of(target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what placeholders stand for: what the target names, else ``SNOWFLAKE_*`` of the environment; no credential."""
    values = {
        name: value
        for name, value in environ.items()
        if name.startswith("SNOWFLAKE_") and not looks_like_a_credential(name)
    }
    database, schema = target.database, target.schema
    for name, value in (
        ("DATABASE", database),
        ("SCHEMA", schema),
        ("WAREHOUSE", target.warehouse),
        ("ROLE", target.role),
    ):
        if value is not None:
            values[f"SNOWFLAKE_{name}"] = value
    if database and schema:
        values.setdefault("SNOWFLAKE_REGISTRY_URL", f"/{database}/{schema}/{target.image_repository}".lower())
    shorter = {name: values[f"SNOWFLAKE_{name.upper()}"] for name in _SHORT if f"SNOWFLAKE_{name.upper()}" in values}
    if "SNOWFLAKE_REGISTRY_URL" in values:
        shorter["registry"] = values["SNOWFLAKE_REGISTRY_URL"]
    return {**values, **shorter}


def read_job_file(text: str, *, file: str, placeholders: Mapping[str, str]) -> JobFile:
    """Return the specification that a file holds.

    Raises:
        JobFileError, SeveralError: everything that is wrong with it, each with its line.
    """
    try:
        source = read_yaml(text)
    except YamlError as cause:
        raise JobFileError(file=file, line=cause.line, path="", problem=cause.problem, hint=cause.hint) from cause
    misfits: list[Misfit] = []
    warnings: list[tuple[Path, str]] = []
    data = _understood(source, misfits, warnings)
    data = _resolved(data, (), placeholders, misfits)
    specification = None
    if not misfits:
        specification, misfits = fitted(Specification, data, noun="field")
    if specification is not None:
        misfits += misfits_of(specification)
    problems: list[MlopsError] = [
        JobFileError(file=file, line=source.line(one.path), path=one.place, problem=one.problem, hint=one.hint)
        for one in misfits
    ]
    if len(problems) == 1:
        raise problems[0]
    if problems or specification is None:
        raise SeveralError(f"{file} has {len(problems)} problems", problems)
    return JobFile(specification, tuple(f"{file}:{source.line(path)}: {warning}" for path, warning in warnings))


def checked_files(files: Iterable[str], placeholders: Mapping[str, str]) -> list[dict[str, Any]]:  # Any: JSON
    """Return, for each file, its problems (line, path, problem, hint) and what is worth knowing of it."""
    rows = []
    for file in files:
        problems: Sequence[Exception] = ()
        warnings: tuple[str, ...] = ()
        try:
            with open(file, encoding="utf-8") as opened:
                warnings = read_job_file(opened.read(), file=file, placeholders=placeholders).warnings
        except SeveralError as cause:
            problems = cause.problems
        except JobFileError as cause:
            problems = (cause,)
        except UnicodeDecodeError as cause:
            problems = (JobFileError(file=file, line=1, path="", problem=f"it is not UTF-8: {cause}"),)
        rows.append(
            {
                "file": file,
                "problems": [
                    {"line": one.line, "path": one.path, "problem": one.problem, "hint": one.hint}
                    for one in problems
                    if isinstance(one, JobFileError)
                ],
                "warnings": list(warnings),
            }
        )
    return rows


def _understood(source: Source, misfits: list[Misfit], warnings: list[tuple[Path, str]]) -> Any:  # Any: plain data
    """Return the data with the variables of each container as a map of texts."""
    data = source.data
    spec = data.get("spec") if isinstance(data, dict) else None
    if not isinstance(spec, dict) or not isinstance(containers := spec.get("containers"), list):
        return data
    seen = []
    for at, container in enumerate(containers):
        if isinstance(container, dict) and "env" in container:
            path: Path = ("spec", "containers", at, "env")
            container = {**container, "env": _variables(container["env"], path, source, misfits, warnings)}
        seen.append(container)
    return {**data, "spec": {**spec, "containers": seen}}


def _variables(
    env: Any, path: Path, source: Source, misfits: list[Misfit], warnings: list[tuple[Path, str]]
) -> Any:  # Any: plain data
    if isinstance(env, list):
        warnings.append((path, "env is a list, as Kubernetes has it: Snowflake takes a map (NAME: value)"))
        pairs = [pair for at, one in enumerate(env) if (pair := _pair(one, (*path, at), source, misfits)) is not None]
    elif isinstance(env, dict):
        pairs = [(name, value, (*path, name), source.texts.get((*path, name))) for name, value in env.items()]
    else:
        return env
    variables: dict[str, Any] = {}
    for name, value, place, text in pairs:
        if name in variables:
            misfits.append(Misfit(place, f"the variable {name!r} is given twice", "remove one of the two"))
        elif looks_like_a_credential(name):
            misfits.append(
                Misfit(
                    place,
                    f"{name} looks like a credential, and a specification is readable",
                    "remove it: the session is inherited; for anything else write it under secrets",
                )
            )
        elif name.startswith("SNOWFLAKE_") and name != "SNOWFLAKE_WAREHOUSE":
            warnings.append((place, f"{name} is left out: Snowflake sets what a container may know of it"))
        elif value is None or text is None:
            misfits.append(Misfit(place, f"{name} has no value", "write its value as text, or remove it"))
        else:
            variables[name] = text
    return variables


def _pair(
    entry: Any, path: Path, source: Source, misfits: list[Misfit]
) -> tuple[str, Any, Path, str | None] | None:  # Any: plain data
    if isinstance(entry, dict) and set(entry) == {"name", "value"} and isinstance(entry["name"], str):
        return entry["name"], entry["value"], path, source.texts.get((*path, "value"))
    if isinstance(entry, dict) and "valueFrom" in entry:
        misfits.append(Misfit((*path, "valueFrom"), "Snowflake has no valueFrom", "write the secret under secrets"))
    else:
        misfits.append(Misfit(path, "it is no variable", "write NAME: value, or name and value"))
    return None


def _resolved(value: Any, path: Path, placeholders: Mapping[str, str], misfits: list[Misfit]) -> Any:  # Any: plain data
    if isinstance(value, dict):
        return {key: _resolved(inner, (*path, key), placeholders, misfits) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, (*path, at), placeholders, misfits) for at, inner in enumerate(value)]
    if not isinstance(value, str):
        return value

    def resolve(match: re.Match[str]) -> str:
        name = match[1] if match[1] in placeholders else match[1].upper()
        if name in placeholders:
            return placeholders[name]
        similar = closest(match[1], placeholders) or closest(name, placeholders)
        misfits.append(
            Misfit(
                path,
                f"nothing says what the placeholder <{match[1]}> stands for",
                f"did you mean <{similar}>?" if similar else f"set the variable {name}, or write the value",
            )
        )
        return match[0]

    return _PLACEHOLDER.sub(resolve, value)

"""Every error a user of mlops can meet. Each keeps the facts as attributes and writes its own sentence.

    MlopsError                     what happened, and a hint that says how to mend it
    ├── UsageError                 2: the words on the command line
    ├── ProjectError               1: the project, a plugin or a node
    │   ├── SettingsError              a value of pyproject.toml, mlops.toml or the environment
    │   ├── JobFileError               a service specification that was written by hand
    │   ├── PluginError                a plugin that could not be loaded
    │   ├── NodeDefinitionError        a node that cannot be described
    │   ├── UnknownNameError           a node, pipeline, run or dataset that does not exist
    │   ├── AmbiguousNodeError         a short name that several distributions use
    │   ├── ParameterError             a parameter that no node has, or a value that does not fit
    │   ├── SeveralError               several of these, in one message
    │   │   └── PipelineError              everything that is wrong with one pipeline
    │   ├── GraphProblem               one thing that is wrong with a pipeline
    │   ├── DatasetError               a value that cannot be stored or read
    │   ├── VetoError                  what guards of plugins refuse
    │   └── RunError                   a run that failed, was stopped or cannot be resumed
    └── AccountError               3: Snowflake refused or is out of reach
        └── AuthenticationError        no session: a token or credential is missing, refused or cannot be read

Exit codes are those of the command line; nothing here imports click.
"""

from __future__ import annotations

from collections.abc import Iterable


class MlopsError(Exception):
    """Something the user can mend. ``hint`` says how, in plain words; ``None`` when the message says it all."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MlopsError):
    """The words on the command line do not fit together."""

    exit_code = 2


class ProjectError(MlopsError):
    """The project, a plugin or a node is not right."""


class AccountError(MlopsError):
    """Snowflake refused, or is out of reach."""

    exit_code = 3


class AuthenticationError(AccountError):
    """There is no session with Snowflake: a token or a credential is missing, cannot be read, or is refused."""


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that looks most like ``name``, or None when none comes near."""
    from difflib import get_close_matches  # needed where something is wrong, and nowhere else

    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


class SettingsError(ProjectError):
    """A setting has a value it cannot have. ``place`` is the file and key, or the environment variable."""

    def __init__(self, *, place: str, problem: str, hint: str | None = None) -> None:
        self.place = place
        super().__init__(f"{place}: {problem}", hint=hint)


class JobFileError(ProjectError):
    """A job file says what no specification can. ``path`` is where in it, empty for the whole file."""

    def __init__(self, *, file: str, line: int, path: str, problem: str, hint: str | None = None) -> None:
        self.file, self.line, self.path, self.problem = file, line, path, problem
        super().__init__(f"{file}:{line}: {path}: {problem}" if path else f"{file}:{line}: {problem}", hint=hint)


class PluginError(ProjectError):
    """A plugin that is needed could not be loaded."""

    def __init__(self, *, plugin: str, problem: str, hint: str | None = None) -> None:
        self.plugin = plugin
        super().__init__(f"plugin {plugin}: {problem}", hint=hint)


class NodeDefinitionError(ProjectError):
    """A function is offered as a node, but its signature or its options say something impossible."""

    def __init__(self, *, node: str, problem: str, hint: str | None = None) -> None:
        self.node = node
        super().__init__(f"node {node!r}: {problem}", hint=hint)


class UnknownNameError(ProjectError):
    """Nothing has this name. ``kind`` is the noun: node, pipeline, run, dataset."""

    def __init__(self, *, kind: str, name: str, known: Iterable[str], hint: str | None = None) -> None:
        self.kind, self.name = kind, name
        names = sorted(set(known))
        self.closest = closest(name, names)
        if hint is None:
            if self.closest:
                hint = f"did you mean {self.closest!r}?"
            elif names:
                shown = ", ".join(names[:10]) + (f" … ({len(names)} in all)" if len(names) > 10 else "")
                hint = f"there is: {shown}"
        super().__init__(f"there is no {kind} {name!r}", hint=hint)


class AmbiguousNodeError(ProjectError):
    """Several distributions have a node of this name."""

    def __init__(self, *, name: str, full_names: Iterable[str]) -> None:
        self.name, self.full_names = name, tuple(sorted(full_names))
        super().__init__(
            f"node name {name!r} is used by {len(self.full_names)} distributions",
            hint="say which one: " + " or ".join(self.full_names),
        )


class SeveralError(ProjectError):
    """Several things are wrong with one thing, and all are told at once. ``problems`` holds each with its own hint."""

    def __init__(self, summary: str, problems: Iterable[MlopsError]) -> None:
        self.problems = tuple(problems)
        lines = [summary]
        for problem in self.problems:
            lines.append(f"  - {problem.message}")
            if problem.hint:
                lines.append(f"    hint: {problem.hint}")
        super().__init__("\n".join(lines))


class ParameterError(ProjectError):
    """A parameter that no node has, or a value that does not fit its type."""

    def __init__(self, *, parameter: str, problem: str, hint: str | None = None) -> None:
        self.parameter = parameter
        super().__init__(f"parameter {parameter!r}: {problem}", hint=hint)


class PipelineError(SeveralError):
    """Everything that is wrong with one pipeline."""

    def __init__(self, *, pipeline: str, problems: Iterable[MlopsError]) -> None:
        self.pipeline = pipeline
        problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"pipeline {pipeline!r} has {count}", problems)


class GraphProblem(ProjectError):
    """One thing that is wrong with the nodes of a pipeline; a ``PipelineError`` gathers them."""


class DatasetError(ProjectError):
    """A value cannot be stored or read back."""

    def __init__(self, *, dataset: str, problem: str, hint: str | None = None) -> None:
        self.dataset = dataset
        super().__init__(f"dataset {dataset!r}: {problem}", hint=hint)


class VetoError(ProjectError):
    """Guards of plugins refuse something. ``objections`` are pairs of distribution and problem; all are told at once."""

    def __init__(self, what: str, objections: Iterable[tuple[str, str]], *, hint: str | None = None) -> None:
        self.what, self.objections = what, tuple(objections)
        lines = [f"{what} is refused by {', '.join(dict.fromkeys(plugin for plugin, _ in self.objections))}"]
        lines += [f"  - {problem}" for _, problem in self.objections]
        super().__init__(
            "\n".join(lines) if len(self.objections) > 1 else f"{lines[0]}: {self.objections[0][1]}", hint=hint
        )


class RunError(ProjectError):
    """A run failed, was stopped, or cannot be resumed."""

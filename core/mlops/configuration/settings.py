"""Settings: what the project, its environment and the command line say, as one frozen value that knows its origins.

Read from ``[tool.mlops]`` of pyproject.toml, or from mlops.toml, in the current folder or the nearest one above. A flag
wins over the environment (``MLOPS_*``), that over the file, and the file over the default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from mlops.configuration.project_file import place_of, project_file, project_name
from mlops.errors import MlopsError, SettingsError, SeveralError, UnknownNameError, closest
from mlops.plugins.policy import Policy

if TYPE_CHECKING:
    from mlops.configuration.target_tables import TargetTables
    from mlops.configuration.targets import ServicesChoice, Target
    from mlops.pipeline import Pipeline

Executor = Literal["inline", "process"]
AuthChoice = Literal["auto", "inherited", "explicit"]


class Key(Struct, frozen=True):
    """One setting: its dotted name under ``[tool.mlops]``, its type expression, its default, and its variable."""

    name: str
    type: str
    default: object
    variable: str
    help: str


KEYS = (
    Key(
        "project",
        "str",
        None,
        "MLOPS_PROJECT",
        "whose objects these are in Snowflake; by default the name in pyproject.toml, else that of the folder",
    ),
    Key("data", "str", "data", "MLOPS_DATA", "folder that runs and datasets are kept in"),
    Key("target", "str", "local", "MLOPS_TARGET", "the target that is used when no --target is given"),
    Key(
        "services",
        "Literal['auto', 'embedded', 'none']",
        "auto",
        "MLOPS_SERVICES",
        "where services come from in a local run",
    ),
    Key(
        "auth",
        "Literal['auto', 'inherited', 'explicit']",
        "auto",
        "MLOPS_AUTH",
        "where a session may come from: only a container's own, only named credentials, or what fits",
    ),
    Key(
        "plugins.allow",
        "list[str] | None",
        None,
        "MLOPS_PLUGINS",
        "the only distributions that may be imported",
    ),
    Key("plugins.block", "list[str]", (), "MLOPS_DISABLE_PLUGINS", "distributions that are never imported"),
    Key(
        "plugins.strict",
        "bool",
        False,
        "MLOPS_STRICT_PLUGINS",
        "one broken plugin is an error of every command",
    ),
    Key(
        "plugins.timeout",
        "float",
        30.0,
        "MLOPS_PLUGIN_TIMEOUT",
        "seconds that looking at one distribution may take",
    ),
    Key(
        "plugins.hook_timeout",
        "float",
        10.0,
        "MLOPS_HOOK_TIMEOUT",
        "seconds that an observer hook may take before it is left behind",
    ),
    Key(
        "datasets.allow_pickle",
        "bool",
        False,
        "MLOPS_ALLOW_PICKLE",
        "store what has no safe format with pickle",
    ),
    Key("run.executor", "Literal['inline', 'process']", "inline", "MLOPS_EXECUTOR", "where nodes run"),
    Key(
        "run.max_workers",
        "int | None",
        None,
        "MLOPS_MAX_WORKERS",
        "how many nodes run at once with the process executor",
    ),
    Key("run.grace", "float", 10.0, "MLOPS_GRACE", "seconds between asking a node to end and killing it"),
)
"""Every setting that has one value. Tables with names of their own (pipelines, targets) are read beside them."""

_TABLES = {"pipelines", "targets"}


class Settings(Struct, frozen=True):
    """Everything the project says. ``origins`` tells, by dotted name of a setting, where its value comes from.

    ``target_tables`` is None where the file declares no target.
    """

    root: str
    file: str | None
    project: str
    data: str
    target: str
    services: ServicesChoice
    plugins: Policy
    allow_pickle: bool
    executor: Executor
    max_workers: int | None
    grace: float
    auth: AuthChoice = "auto"
    pipelines: tuple[Pipeline, ...] = ()
    writers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    target_tables: TargetTables | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def targets(self) -> Mapping[str, Target]:
        """The targets by name: those of the file, and ``local`` in any case."""
        if self.target_tables is not None:
            return self.target_tables.targets
        from mlops.configuration.targets import LOCAL

        return {LOCAL.name: LOCAL}

    @property
    def chosen_target(self) -> Target:
        """The target that is used.

        Raises:
            UnknownNameError: the settings have no target of that name.
        """
        targets = self.targets
        if self.target not in targets:
            raise UnknownNameError(kind="target", name=self.target, known=targets)
        return targets[self.target]

    @property
    def chosen_services(self) -> ServicesChoice:
        """Which services a run uses: as the command line or the environment says, else as the target does.

        Raises:
            UnknownNameError: the settings have no target of the chosen name.
        """
        if self.target_tables is None and self.target == "local":
            return self.services  # as in a container: nothing of targets need be imported
        own = self.chosen_target.services
        return self.services if own is None or self.origins.get("services") != "default" else own


def load_settings(
    start: str, *, environ: Mapping[str, str] = os.environ, flags: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings of the project that the folder ``start`` is in.

    ``flags`` holds values of the command line by dotted name; None means that the flag was not given.

    Raises:
        SettingsError, SeveralError: everything that is wrong in the file and the environment, each with its place.
    """
    file, table = project_file(start)
    problems: list[MlopsError] = []
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for key in KEYS:
        value, origin = _value(key, table, file, environ, flags or {})
        if origin != "default":
            value = _checked(key, value, origin, problems)
        values[key.name], origins[key.name] = value, origin
    _refuse_strangers(table, file, problems)
    root = os.path.dirname(file) if file else os.path.abspath(start)
    if values["project"] is None:
        values["project"], origins["project"] = project_name(root)
    pipelines, writers = _pipelines(table, file, problems)
    target_tables = _targets(table, file, problems)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralError(f"{len(problems)} settings are not right", problems)
    get: dict[str, Any] = values  # Any: checked against the types of KEYS
    return Settings(
        root=root,
        file=file,
        project=get["project"],
        data=os.path.join(root, os.path.expanduser(get["data"])),
        target=get["target"],
        services=get["services"],
        plugins=Policy(
            allow=None if get["plugins.allow"] is None else tuple(get["plugins.allow"]),
            block=tuple(get["plugins.block"]),
            strict=get["plugins.strict"],
            seconds=get["plugins.timeout"],
            hook_seconds=get["plugins.hook_timeout"],
        ),
        allow_pickle=get["datasets.allow_pickle"],
        executor=get["run.executor"],
        max_workers=get["run.max_workers"],
        grace=get["run.grace"],
        auth=get["auth"],
        pipelines=pipelines,
        writers=writers,
        target_tables=target_tables,
        values=values,
        origins=origins,
    )


def _pipelines(
    table: Mapping[str, Any], file: str | None, problems: list[MlopsError]
) -> tuple[tuple[Pipeline, ...], dict[str, Mapping[str, str]]]:
    if "pipelines" not in table:
        return (), {}
    from mlops.configuration.pipeline_tables import read_pipelines

    return read_pipelines(table["pipelines"], file, problems)


def _targets(table: Mapping[str, Any], file: str | None, problems: list[MlopsError]) -> TargetTables | None:
    if "targets" not in table:
        return None
    from mlops.configuration.target_tables import read_targets

    return read_targets(table["targets"], place_of(file, "targets.{}"), problems)


def _value(
    key: Key,
    table: Mapping[str, Any],
    file: str | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
) -> tuple[object, str]:
    if flags.get(key.name) is not None:
        return flags[key.name], "command line"
    if key.variable in environ:
        return environ[key.variable], key.variable
    section, _, name = key.name.rpartition(".")
    inside = table.get(section, {}) if section else table
    if isinstance(inside, Mapping) and name in inside:
        return inside[name], place_of(file, key.name)
    return key.default, "default"


def _checked(key: Key, value: object, origin: str, problems: list[MlopsError]) -> object:
    from mlops.errors import ParameterError
    from mlops.parameters import Parameter, checked

    text = origin == key.variable and isinstance(value, str)
    if text and key.type.startswith("list"):
        return tuple(entry.strip() for entry in str(value).split(",") if entry.strip())
    try:
        return checked(Parameter(key.name, key.default, key.type), value, text=text)
    except ParameterError as cause:
        problems.append(
            SettingsError(
                place=origin,
                problem=f"{value!r} is not {key.type}",
                hint=f"{key.help}; default: {key.default!r}",
            )
        )
        del cause
        return key.default


def _refuse_strangers(table: Mapping[str, Any], file: str | None, problems: list[MlopsError]) -> None:
    known = {key.name for key in KEYS}
    sections = {name.partition(".")[0] for name in known if "." in name}
    for name, value in table.items():
        names = [name]
        if name in sections and isinstance(value, Mapping):
            names = [f"{name}.{inner}" for inner in value]
        elif name in _TABLES:
            names = []
        for stranger in names:
            if stranger not in known:
                _stranger(stranger, known | _TABLES, file, problems)


def _stranger(name: str, known: set[str], file: str | None, problems: list[MlopsError]) -> None:
    similar = closest(name, known)
    problems.append(
        SettingsError(
            place=place_of(file, name),
            problem="there is no such setting",
            hint=f"did you mean {similar!r}?" if similar else f"the settings are: {', '.join(sorted(known))}",
        )
    )

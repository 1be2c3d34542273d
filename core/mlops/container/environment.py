"""What a task tells its container: the variables of the job specification, and those that Snowflake adds, as one value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from msgspec import DecodeError, Struct, ValidationError, json

from mlops.errors import SettingsError

LogFormat = Literal["json", "text"]


class TaskEnvironment(Struct, frozen=True):
    """The part of a pipeline's run that this container has.

    ``data`` is where the stage is mounted. ``versions`` are those that the graph was deployed for, by distribution.
    ``replica_index`` counts from 0; ``replica_count`` is 1 unless the job was asked for several. ``job`` is the name of the
    job service: the same for its replicas, another one for a retry. ``replica_patience`` is for how many seconds a replica
    may give no sign of life.
    """

    pipeline: str
    data: str
    versions: Mapping[str, str]
    replica_index: int = 0
    replica_count: int = 1
    job: str = ""
    replica_patience: float = 900.0


def task_environment(environ: Mapping[str, str]) -> TaskEnvironment:
    """Return what the variables say.

    Raises:
        SettingsError: a variable is missing, or is not what it has to be.
    """
    count, index = _number(environ, "SNOWFLAKE_JOBS_COUNT", 1), _number(environ, "SNOWFLAKE_JOB_INDEX", 0)
    if not 0 <= index < count:
        raise SettingsError(place="SNOWFLAKE_JOB_INDEX", problem=f"{index} is not below SNOWFLAKE_JOBS_COUNT, {count}")
    return TaskEnvironment(
        pipeline=_needed(environ, "MLOPS_PIPELINE"),
        data=_needed(environ, "MLOPS_DATA"),
        versions=_versions(environ.get("MLOPS_VERSIONS", "{}")),
        replica_index=index,
        replica_count=count,
        job=environ.get("SNOWFLAKE_SERVICE_NAME", ""),
        replica_patience=_number(environ, "MLOPS_REPLICA_PATIENCE", 900),
    )


def make_folder(folder: str, data: str) -> None:
    """Make the folder of a run on the mounted stage, so that a node does not compute what it cannot write.

    Raises:
        SettingsError: this container may not write there, or nothing is mounted there.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as cause:
        user = f"user {os.geteuid()}, group {os.getegid()}"
        raise SettingsError(
            place="MLOPS_DATA",
            problem=f"{data} cannot be written to by {user}: {cause.strerror}",
            hint="the specification mounts the stage there, with the user of the image as uid and gid of the volume, and the "
            "role needs READ and WRITE on the stage",
        ) from cause


def log_format(environ: Mapping[str, str]) -> LogFormat:
    """Return how a container writes its log: as JSON unless the variables say ``text``."""
    return "text" if environ.get("MLOPS_LOG_FORMAT") == "text" else "json"


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise SettingsError(
            place=name,
            problem="it is not set",
            hint="job specifications of mlops generate set it; on a laptop run the node without --task",
        )
    return value


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, str(default))
    if not text.isdigit():
        raise SettingsError(place=name, problem=f"{text!r} is not a whole number")
    return int(text)


def _versions(text: str) -> dict[str, str]:
    try:
        return json.decode(text, type=dict[str, str])
    except (DecodeError, ValidationError) as cause:
        raise SettingsError(
            place="MLOPS_VERSIONS", problem=f"it is no JSON object of versions: {cause}", hint="deploy again"
        ) from cause

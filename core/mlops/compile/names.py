"""Names of the objects of a deployment, and the images its containers start from.

Source: Snowflake documentation, "Identifier requirements"; "EXECUTE JOB SERVICE" (no quoted names).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from mlops.compile.jobs import Job
from mlops.errors import GraphProblem, MlopsError, SettingsError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}\Z")
_TAGGED = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z")
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]+)?\Z")
RULE = "letters, digits, '_' and '$' but not '$$', starts with a letter or '_', at most 255 characters; no quoted name"
DEFAULT_IMAGE = "mlops:latest"


def is_identifier(text: str) -> bool:
    """Tell whether Snowflake takes the text as a name without quotes, also beside a specification between ``$$``."""
    return bool(_IDENTIFIER.match(text)) and "$$" not in text


def stored(text: str | None, *, place: str, problems: list[MlopsError], what: str = "a name") -> str:
    """Return a name of the settings as Snowflake stores it; what is no name goes into ``problems``."""
    if not text:
        problems.append(SettingsError(place=place, problem="it is missing", hint=f"write {what}: {RULE}"))
        return ""
    if not is_identifier(text):
        problems.append(SettingsError(place=place, problem=f"{text!r} is not {what}", hint=f"it is {RULE}"))
    return text.upper()


def qualified(text: str, *, parts: int = 3) -> str | None:
    """Return a name of up to ``parts`` parts as Snowflake stores it, or None for what is no such name."""
    names = text.split(".")
    return ".".join(names).upper() if len(names) <= parts and all(is_identifier(name) for name in names) else None


def task_names(pipeline: str, jobs: Sequence[Job], root: Job | None, problems: list[MlopsError]) -> Mapping[str, str]:
    """Return, by the name of a job, that of its task: ``PIPELINE`` for the root, ``PIPELINE$NODE`` for the others.

    Where two jobs have one name, their distributions go in. Names do not tell upper from lower case.
    """
    base = pipeline.upper()
    counts = Counter(job.label.upper() for job in jobs)
    names: dict[str, str] = {}
    taken: dict[str, Job] = {}
    for job in jobs:
        short = job.label.upper()
        if counts[short] > 1:
            short = f"{re.sub('[^A-Z0-9]', '_', job.nodes[0].origin.distribution.upper())}__{short}"
        name = base if job is root else f"{base}${short}"
        if name in taken:
            problems.append(
                GraphProblem(
                    f"{job.title} and {taken[name].title} would both be the task {name}: Snowflake's names do not tell "
                    "upper from lower case",
                    hint="rename one of them",
                )
            )
        if len(name) > 255:
            problems.append(
                GraphProblem(
                    f"{job.title}: the name of its task has {len(name)} characters, and Snowflake takes 255",
                    hint="shorten the name of the node or of the pipeline",
                )
            )
        names[job.name] = name
        taken[name] = job
    return names


def service_name(pipeline: str, node: str) -> str:
    """Return the name of the service that a serving node is."""
    return f"{pipeline}_{node}".upper()


def image_path(image: str | None, *, database: str, schema: str, repository: str) -> str | None:
    """Return an image as a specification names it, or None for what is no image.

    A name and tag alone are taken from the target's own repository.
    """
    parts = (image or DEFAULT_IMAGE).split("/")
    if len(parts) == 1:
        parts = ["", database.lower(), schema.lower(), repository.lower(), *parts]
    host, *path = parts
    if len(path) < 4 or (host and not _HOST.match(host)) or not _TAGGED.match(path[-1]):
        return None
    if not all(re.match(r"[A-Za-z0-9][A-Za-z0-9_$.-]*\Z", part) for part in path[:-1]):
        return None
    return "/".join([host, *path])


def own_repository(image: str, *, database: str, schema: str) -> str | None:
    """Return the stored name of the repository an image is in, if that is in the deployment's own schema."""
    _, *path = image.split("/")
    inside = [part.upper() for part in path[:2]] == [database, schema]
    return path[2].upper() if inside and is_identifier(path[2]) else None

"""What stands for a container image when its container runs as a process: an explicit entry, never a guess.

The entries are in `images.yaml` of the state folder, or in the file that MLOPS_EMBEDDED_IMAGES names when the server
starts. A key is an image as specifications name it, with or without its tag:

    /mydb/public/images/train:
      entrypoint: [python, -m, churn]     # the image's ENTRYPOINT; a specification's `command` overrides it
      command: [train]                    # the image's CMD; a specification's `args` override it
      workdir: /srv/churn                 # the image's WORKDIR
      env: {PYTHONPATH: src}              # the image's ENV

A key `*/mlops` stands for every image of that name, whatever repository it is in. A state folder starts with that one:
the image of a deployment is called mlops, and here it is the environment that the server runs in.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.jobs.specifications.fields import (
    Fields,
    SpecificationError,
    list_of,
    load_yaml,
    strings_by_name,
    text,
)

VARIABLE = "MLOPS_EMBEDDED_IMAGES"
ANYWHERE = "/*/"
"""What a key begins with, once read, that stands for an image of any repository."""

FIRST_ENTRIES = """\
# What stands for a container image when its container runs as a process: see the documentation of mlops-embedded.
# An image called mlops is the environment that this server runs in, with the plugins that are installed there.
"*/mlops":
  entrypoint: [python, -m, mlops, run-node]
  env: {MLOPS_CACHE_DIR: %s}
"""
"""What a new state folder's file says. What a job has learnt of a plugin, the next one finds in the cache."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a Dockerfile would say, for this machine."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    workdir: str | None = None
    env: Mapping[str, str] | None = None


def image_file(state: Path) -> Path:
    """Return the file that holds the entries."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else state / "images.yaml"


def write_first_entries(state: Path) -> None:
    """Write the file of a state folder that has none yet."""
    file = state / "images.yaml"
    if not file.exists():
        file.write_text(FIRST_ENTRIES % json.dumps(str(state / "cache")), encoding="utf-8")


def find_image(file: Path, name: str) -> Image:
    """Return the entry for an image, looked up anew each time: with its tag first, then without, then by its last part.

    Raises:
        SnowflakeError 395023: there is none, or the file is wrong; the message says what to write where.
    """
    entries = _entries(file)
    plain = without_registry(name)
    tagged = plain.partition("@")[0]
    untagged = tagged.rpartition(":")[0] if ":" in tagged.rpartition("/")[2] else tagged
    for key in (plain, tagged, untagged, _anywhere(tagged), _anywhere(untagged)):
        if key in entries:
            return _read(entries[key], key, file)
    known = ", ".join(sorted(entries)) or "none"
    raise _refused(
        f"Failed to retrieve image: {plain} is not known to the process runtime. Add an entry {untagged!r} with "
        f"`entrypoint` to {file} (its entries: {known})."
    )


def image_names(file: Path) -> list[str]:
    """Return the names of all entries, /database/schema/repository/image[:tag], sorted."""
    return sorted(_entries(file))


def _anywhere(name: str) -> str:
    return f"{ANYWHERE}{name.rpartition('/')[2]}"


def without_registry(name: str) -> str:
    """Return an image's name from the database on, with a leading slash."""
    host, slash, rest = name.partition("/")
    if slash and host and ("." in host or ":" in host):
        return f"/{rest}"
    return name if name.startswith("/") else f"/{name}"


def _entries(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        entries = load_yaml(file.read_text(encoding="utf-8")) or {}
        if not isinstance(entries, dict):
            raise SpecificationError("", "must be a mapping of images")
        return {without_registry(str(key)): value for key, value in entries.items()}
    except SpecificationError as error:
        raise _refused(f"{file}: {error}") from error


def _read(value: Any, key: str, file: Path) -> Image:
    try:
        fields = Fields(value, key)
        image = Image(
            fields.take("entrypoint", list_of(text)) or (),
            fields.take("command", list_of(text)) or (),
            fields.take("workdir", text),
            fields.take("env", strings_by_name),
        )
        fields.done()
    except SpecificationError as error:
        raise _refused(f"{file}: {error}") from error
    return image


def _refused(message: str) -> SnowflakeError:
    return SnowflakeError(message, code="395023", sqlstate="22023")

"""Places that hold files: `@stage/path` and `snow://<kind>/...`, resolved to folders inside the state folder.

@snow_location("model")
def model_location(session: Session, rest: str) -> Location:
    parts, path = split_name(rest)          # 'D.S.M/versions/V1/model' -> ("D", "S", "M"), "versions/V1/model"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_embedded.catalog import ObjectName, parse_name
from mlops_embedded.catalog.grants import Securable, require
from mlops_embedded.errors import SnowflakeError, does_not_exist, syntax_error, unknown_here
from mlops_embedded.sql.relations import get_relation
from mlops_embedded.state import folder_name, object_folder

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session


@dataclass(frozen=True, slots=True)
class Location:
    """A path inside one object's folder."""

    root: Path
    """The object's folder: no path leaves it."""
    path: str
    """Where in it, relative, with `/`; empty is all of it."""
    shown: str
    """What LIST puts before each file's path from the root."""
    writable: bool = True

    @property
    def target(self) -> Path:
        return self.root / self.path

    def files(self, pattern: str | None = None) -> list[tuple[str, Path]]:
        """Return (path from the root, file) of every file at or below this prefix, sorted.

        A path is a prefix of names, as on a stage: `a/b` also means a/b1.csv. `pattern` must match the whole path.
        """
        if not self.root.is_dir():
            return []
        found = []
        for file in sorted(self.root.rglob("*")):
            name = file.relative_to(self.root).as_posix()
            if (
                file.is_file()
                and name.startswith(self.path)
                and (pattern is None or re.fullmatch(pattern, self.shown + name) or re.fullmatch(pattern, name))
            ):
                found.append((name, file))
        return found


Resolver = Callable[["Session", str], Location]
_SNOW: dict[str, Resolver] = {}


def snow_location(kind: str) -> Callable[[Resolver], Resolver]:
    """Register how `snow://<kind>/<rest>` is resolved; the function gets the rest."""

    def register(resolver: Resolver) -> Resolver:
        _SNOW[kind] = resolver
        return resolver

    return register


def resolve(session: Session, text: str, *, writing: bool = False) -> Location:
    """Return the place that a location in SQL means, to read what is there or to write.

    Raises:
        SnowflakeError 002003, 003001: there is no such stage, or the role may not read or write it.
        SnowflakeError 001003: the path would leave the object's folder.
    """
    if text.lower().startswith("snow://"):
        kind, _, rest = text[len("snow://") :].partition("/")
        resolver = _SNOW.get(kind.lower())
        if resolver is None:
            raise unknown_here(f"locations like snow://{kind}/...")
        return resolver(session, rest)
    if not text.startswith("@"):
        raise syntax_error(f"{text!r} is no stage location: it must start with @ or snow://")
    return _stage(session, text[1:], "WRITE" if writing else "READ")


def _stage(session: Session, rest: str, privilege: str) -> Location:
    if rest.startswith("~"):
        root = session.account.state.stages / folder_name(f"~{session.principal.user}")
        root.mkdir(exist_ok=True)
        return Location(root, inner_path(rest[1:]), "")
    table = rest.startswith("%")
    parts, path = split_name(rest.lstrip("%").replace(".%", "."))
    table = table or ".%" in rest.partition("/")[0]
    name = session.resolve(parts, "this statement")
    if table:
        get_relation(session, name)
        root = object_folder(session.account.state.stages, ObjectName(name.database, name.schema, f"%{name.name}"))
        root.mkdir(parents=True, exist_ok=True)
        return Location(root, path, "")
    stage = session.catalog.find("stage", name)
    if stage is None or stage.body.get("session", session.id) != session.id:
        raise does_not_exist("stage", name)
    require(session.catalog, session.role, privilege, Securable("STAGE", name), stage.body["owner"])
    return Location(object_folder(session.account.state.stages, name), path, f"{name.name.lower()}/")


def split_name(rest: str) -> tuple[tuple[str, ...], str]:
    """Split `d.s."n"/a/b` into the stored parts of the name and the path behind it."""
    match = re.match(r'(?:"(?:[^"]|"")+"|[^/"])+', rest)
    if match is None:
        raise syntax_error(f"{rest!r} names no object")
    return parse_name(match.group()), inner_path(rest[match.end() :])


def inner_path(text: str) -> str:
    """Return a path inside an object's folder, without leading slash.

    Raises:
        SnowflakeError 001003: it has `..`, is absolute on some system, or holds a character no file name has.
    """
    path = text.lstrip("/")
    parts = PurePosixPath(path).parts
    if ".." in parts or "\\" in path or "\0" in path or ":" in "".join(parts[:1]):
        raise SnowflakeError(f"SQL compilation error:\ninvalid path {text!r}", code="001003", sqlstate="42000")
    normal = "/".join(part for part in parts if part != ".")
    return normal + "/" if normal and path.endswith("/") else normal

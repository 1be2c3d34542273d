"""Stages and their files: CREATE, DROP and ALTER STAGE, PUT, GET, LIST, REMOVE, presigned URLs."""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime, timezone
from email.utils import format_datetime
from glob import iglob
from pathlib import Path, PurePath
from typing import Any

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.grants import Securable, forget_securable, require
from mlops_embedded.errors import SnowflakeError, does_not_exist
from mlops_embedded.sql.access import require_in_schema
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.locations import Location, resolve
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.results import Column, Rowset, Status, Transfer
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Statement
from mlops_embedded.state import object_folder

PROPERTIES = {"COMMENT", "DIRECTORY", "ENCRYPTION", "FILE_FORMAT", "COPY_OPTIONS"}


def create_stage(
    session: Session,
    name: ObjectName,
    properties: dict[str, Any] | None = None,
    *,
    temporary: bool = False,
    or_replace: bool = False,
    if_not_exists: bool = False,
) -> bool:
    """Create an internal stage; False if it was there and that was allowed. A temporary one ends with the session."""
    if temporary:
        session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
    else:
        require_in_schema(session, name, "CREATE STAGE")
    body = {"owner": session.role, "comment": "", "temporary": temporary, **(properties or {})}
    if temporary:
        body["session"] = session.id
    folder = object_folder(session.account.state.stages, name)
    if not session.catalog.create(Document("stage", name, body), or_replace=or_replace, if_not_exists=if_not_exists):
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return True


def drop_stage(session: Session, name: ObjectName, *, if_exists: bool = False) -> bool:
    """Drop a stage with its files; False if it was not there and that was allowed."""
    dropped = session.catalog.delete("stage", name, if_exists=if_exists)
    if dropped:
        shutil.rmtree(object_folder(session.account.state.stages, name), ignore_errors=True)
    return dropped


@statement("CREATE", "STAGE")
def create_stage_statement(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "STAGE")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE STAGE")
    properties = read_properties(reader, PROPERTIES)
    created = create_stage(
        session, name, properties,
        temporary=found.temporary, or_replace=found.or_replace, if_not_exists=if_not_exists,
    )  # fmt: skip
    if not created:
        return Status(f"{name.name} already exists, statement succeeded.")
    return Status(f"Stage area {name.name} successfully created.")


@statement("DROP", "STAGE")
def drop_stage_statement(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "STAGE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP STAGE")
    reader.finish()
    stage = session.catalog.find("stage", name)
    if stage is not None:
        require(session.catalog, session.role, "OWNERSHIP", Securable("STAGE", name), stage.body["owner"])
        forget_securable(session.catalog, Securable("STAGE", name))
    if drop_stage(session, name, if_exists=if_exists):
        return Status(f"{name.name} successfully dropped.")
    return Status(f"Drop statement executed successfully ({name.name} already dropped).")


@statement("ALTER", "STAGE")
def alter_stage(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "STAGE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER STAGE")
    if if_exists and session.catalog.find("stage", name) is None:
        return Status()
    stage = session.catalog.get("stage", name)
    require(session.catalog, session.role, "OWNERSHIP", Securable("STAGE", name), stage.body["owner"])
    if reader.accept("REFRESH"):
        return Status()
    reader.expect("SET")
    session.catalog.update("stage", name, **read_properties(reader, PROPERTIES))
    return Status()


@statement("PUT")
def put(session: Session, found: Statement) -> Transfer:
    reader = found.after("PUT")
    source = _local_path(reader.location())
    location = resolve(session, reader.location(), writing=True)
    options = read_properties(reader, {"PARALLEL", "AUTO_COMPRESS", "SOURCE_COMPRESSION", "OVERWRITE"})
    if not location.writable:
        raise does_not_exist("stage", location.shown)
    location.target.mkdir(parents=True, exist_ok=True)
    overwrite = bool(options.get("overwrite", False))
    # a file that is not here is in a container, or nowhere
    copies = session.shares_disk and any(iglob(source))
    return Transfer(
        {
            "command": "UPLOAD",
            "src_locations": [source],
            "parallel": int(options.get("parallel", 4)),
            "threshold": 209_715_200,
            "autoCompress": options.get("auto_compress", True),
            "overwrite": overwrite,
            "sourceCompression": str(options.get("source_compression", "auto_detect")).lower(),
            "stageInfo": (
                _stage_info(location.target)
                if copies
                # the client asks again for each file, by the name that it will have
                else _remote_stage_info(
                    session.account.presign_upload(location.target / PurePath(source).name, overwrite)
                )
            ),
            "encryptionMaterial": None,
        }
    )


@statement("GET")
def get(session: Session, found: Statement) -> Transfer:
    reader = found.after("GET")
    location = resolve(session, reader.location())
    target = _local_path(reader.location())
    options = read_properties(reader, {"PARALLEL", "PATTERN"})
    files = _at(location, options.get("pattern"))
    if not files:
        raise file_not_found(location)
    copies = session.shares_disk and Path(target).is_dir()  # a folder that is not here is in a container, or nowhere
    return Transfer(
        {
            "command": "DOWNLOAD",
            "src_locations": [name for name, _ in files],
            "localLocation": target,
            "parallel": int(options.get("parallel", 10)),
            "threshold": 209_715_200,
            "autoCompress": False,
            "overwrite": False,
            "sourceCompression": "none",
            "stageInfo": _stage_info(location.root) if copies else _remote_stage_info(None),
            "encryptionMaterial": [],
            "presignedUrls": [] if copies else [session.account.presign(file, _URL_SECONDS) for _, file in files],
        }
    )


def _at(location: Location, pattern: str | None) -> list[tuple[str, Path]]:
    """The one file of that name, else all files below the prefix."""
    if pattern is None and location.target.is_file():
        return [(location.path, location.target)]
    return location.files(pattern)


def _local_path(url: str) -> str:
    return url.removeprefix("file://")


def _stage_info(folder: Path) -> dict[str, Any]:
    """The client copies files by itself: it runs on this machine, the server listens on loopback only."""
    return {"locationType": "LOCAL_FS", "location": str(folder), "presignedUrl": None, **_STAGE_INFO}


def _remote_stage_info(url: str | None) -> dict[str, Any]:
    """The client has no disk in common with the server: it sends and fetches each file by a URL of its own.

    That is what the connector does for a stage of Google's without an access token; any URL will do.
    """
    return {"locationType": "GCS", "location": "embedded/", "presignedUrl": url, **_STAGE_INFO}


_STAGE_INFO: dict[str, Any] = {
    "path": "", "region": "", "creds": {}, "storageAccount": None, "isClientSideEncrypted": False, "endPoint": None,
}  # fmt: skip
_URL_SECONDS = 3600


def file_not_found(location: Location) -> SnowflakeError:
    """253006: what the client also says when a file is not there."""
    return SnowflakeError(
        f"Remote file '{location.shown}{location.path}' was not found. There are several potential causes. "
        "The file might not exist.",
        code="253006",
        sqlstate="02000",
    )


_LISTED = {"name": "text", "size": "fixed", "md5": "text", "last_modified": "text"}


@statement("LIST")
def list_files(session: Session, found: Statement) -> Rowset:
    reader = found.after("LIST")
    location = resolve(session, reader.location())
    options = read_properties(reader, {"PATTERN"})
    return Rowset.of(
        _LISTED, (listed_file(location, name, file) for name, file in location.files(options.get("pattern")))
    )


def listed_file(location: Location, name: str, file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "md5").hexdigest()
    facts = file.stat()
    modified = datetime.fromtimestamp(int(facts.st_mtime), timezone.utc)
    return {
        "name": location.shown + name,
        "size": facts.st_size,
        "md5": digest,
        "last_modified": format_datetime(modified, usegmt=True),
    }


@statement("REMOVE", describes=(Column("name"), Column("result")))
def remove_files(session: Session, found: Statement) -> Rowset:
    reader = found.after("REMOVE")
    location = resolve(session, reader.location(), writing=True)
    options = read_properties(reader, {"PATTERN"})
    removed = []
    for name, file in location.files(options.get("pattern")):
        file.unlink()
        removed.append({"name": location.shown + name, "result": "removed"})
    return Rowset.of(("name", "result"), removed)


@scalar_function("GET_PRESIGNED_URL")
def presigned_url(session: Session, arguments: Arguments) -> str:
    """A URL of this server for one file, good for the seconds asked for (an hour by default)."""
    location = resolve(session, arguments.require(0))
    inner = Location(location.root, f"{location.path.rstrip('/')}/{arguments.require(1)}".lstrip("/"), location.shown)
    if ".." in inner.path.split("/") or not inner.target.is_file():
        raise file_not_found(inner)
    return session.account.presign(inner.target, int(arguments.get(2, "EXPIRATION_TIME", 3600)))

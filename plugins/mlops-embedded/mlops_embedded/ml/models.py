"""Models and their versions: one document a model, one folder a version, and snow://model/... to read it.

A version's files never change once it is there, and are in the document only after they are on disk: what kill -9
leaves behind is at most a folder that nobody refers to, which the next version of that name replaces.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from mlops_embedded.catalog import Document, ObjectName
from mlops_embedded.catalog.tags import Tagged, set_tag, tags_of, untag
from mlops_embedded.errors import SnowflakeError, already_exists, does_not_exist, not_authorized, syntax_error
from mlops_embedded.ml.model_manifest import LineageSource, Method, read_lineage_sources, read_methods
from mlops_embedded.sql.locations import Location, snow_location, split_name
from mlops_embedded.sql.session import Session
from mlops_embedded.state import folder_name, object_folder

SYSTEM_ALIASES = ("DEFAULT", "FIRST", "LAST")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """What is known of a version besides its files. Its code runs for `user` with `credential`, and nobody else."""

    name: str
    created_on: str
    user: str
    credential: str
    comment: str = ""
    metadata: str | None = None
    """JSON text that belongs to the client (metrics are in it), kept as it was written."""
    aliases: tuple[str, ...] = ()
    sources: tuple[LineageSource, ...] = ()
    """What it was made from: lineage is read here."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the catalog has it; versions in the order they were added."""

    name: ObjectName
    created_on: datetime
    owner: str
    comment: str
    default_version: str
    versions: tuple[ModelVersion, ...] = field(repr=False)

    def version(self, name: str | None) -> ModelVersion:
        """Return the version of this name or alias, the default one for None; 002003 if there is none."""
        wanted = "DEFAULT" if name is None else name
        for version in self.versions:
            if wanted == version.name or wanted in version.aliases:
                return version
        if wanted in SYSTEM_ALIASES:
            places = {"FIRST": self.versions[0], "LAST": self.versions[-1]}
            return places.get(wanted) or self.version(self.default_version)
        raise does_not_exist("version", f"{wanted} of model {self.name}")

    def with_version(self, changed: ModelVersion) -> Model:
        """Return the model with this version in place of the one of its name."""
        return replace(self, versions=tuple(changed if v.name == changed.name else v for v in self.versions))

    @property
    def tagged(self) -> Tagged:
        return Tagged("MODULE", self.name)


def models(session: Session, **filters: Any) -> list[Model]:
    """Return the models that the filters of `Catalog.list` let through, by name."""
    return [_model(document) for document in session.catalog.list("model", **filters)]


def find_model(session: Session, name: ObjectName) -> Model:
    """Return the model, or raise 002003."""
    return _model(session.catalog.get("model", name))


def version_folder(session: Session, model: ObjectName, version: str) -> Path:
    """Return where a version's files are: MANIFEST.yml, model/, functions/."""
    return object_folder(session.account.state.models, model) / folder_name(version)


def methods(session: Session, model: Model, version: ModelVersion) -> tuple[Method, ...]:
    return read_methods(version_folder(session, model.name, version.name))


def model_spec(session: Session, model: Model, version: ModelVersion) -> str:
    """Return the text of model/model.yaml, which the clients parse themselves."""
    return (version_folder(session, model.name, version.name) / "model" / "model.yaml").read_text(encoding="utf-8")


def attributes(spec: str) -> dict[str, str]:
    """Return what SHOW VERSIONS tells of the kind of model: its task and its framework."""
    parsed = yaml.safe_load(spec)
    return {"task": parsed.get("task", "UNKNOWN"), "framework": parsed.get("model_type", "unknown")}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a new version's files come from, and whose code they are."""

    folder: Path
    user: str
    credential: str


def create_model(session: Session, name: ObjectName, version: str, source: Source, *, or_replace: bool = False) -> None:
    """Create a model with its first version, which becomes the default.

    Raises:
        SnowflakeError 002002: it is there already, and was not to be replaced.
        SnowflakeError 398507: the source is no packaged model.
    """
    with session.catalog.transaction():
        session.catalog.get("schema", ObjectName(name.database, None, name.schema or ""))
        existing = session.catalog.find("model", name)
        if existing is not None:
            if not or_replace:
                raise already_exists("model", name)
            if _model(existing).owner != session.role:
                raise not_authorized(f"to replace the model {name}, which {_model(existing).owner} owns")
            untag(session.catalog, _model(existing).tagged)
        added = _take(session, name, version, source)
        now = datetime.now(timezone.utc)
        _save(session, Model(name, now, session.role, "", version, (added,)))
    if existing is not None:
        for gone in _model(existing).versions:
            if gone.name != version:
                shutil.rmtree(version_folder(session, name, gone.name), ignore_errors=True)


def add_version(session: Session, name: ObjectName, version: str, source: Source) -> None:
    """Add a version to a model; 002002 if it has one of this name or alias."""
    with session.catalog.transaction():
        model = find_model(session, name)
        if version in {v.name for v in model.versions} | {alias for v in model.versions for alias in v.aliases}:
            raise already_exists("version", f"{version} of model {name}")
        _save(session, replace(model, versions=(*model.versions, _take(session, name, version, source))))


def _take(session: Session, model: ObjectName, version: str, source: Source) -> ModelVersion:
    """Copy the files (the stage that they come from is often temporary) and return the version."""
    if version in SYSTEM_ALIASES:
        raise syntax_error(f"{version} is an alias of every model and cannot be the name of a version")
    read_methods(source.folder)
    if not (source.folder / "model" / "model.yaml").is_file():
        raise SnowflakeError("The model has no file model/model.yaml", code="398507", sqlstate="22000")
    folder = version_folder(session, model, version)
    fresh = folder.with_name(folder.name + ".new")  # no version's folder has a dot in its name
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(source.folder, fresh)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    now = datetime.now(timezone.utc).isoformat()
    return ModelVersion(version, now, source.user, source.credential, sources=read_lineage_sources(folder))


def change_version(
    session: Session, name: ObjectName, version: str, change: Callable[[Model, ModelVersion], Model]
) -> None:
    """Put what `change` returns in place of the model; `version` is a name or an alias."""
    with session.catalog.transaction():
        model = find_model(session, name)
        _save(session, change(model, model.version(version)))


def drop_version(session: Session, name: ObjectName, version: str) -> None:
    """Remove a version with its files; the default one is refused, so a model always has a version."""
    with session.catalog.transaction():
        model = find_model(session, name)
        gone = model.version(version)
        if gone.name == model.default_version:
            raise SnowflakeError(
                f"Cannot drop version {gone.name} of model {name}: it is the default version. Set another default "
                "version first, or drop the model.",
                code="092917",
                sqlstate="42601",
            )
        _save(session, replace(model, versions=tuple(v for v in model.versions if v != gone)))
    shutil.rmtree(version_folder(session, name, gone.name), ignore_errors=True)


def rename_model(session: Session, name: ObjectName, new: ObjectName) -> None:
    """Give a model another name, in another schema too; versions, aliases and tags go with it."""
    if new == name:
        raise already_exists("model", new)
    old_folder, new_folder = (object_folder(session.account.state.models, each) for each in (name, new))
    with session.catalog.transaction():
        session.catalog.get("schema", ObjectName(new.database, None, new.schema or ""))
        model = replace(_model(session.catalog.rename("model", name, new)), name=new)
        shutil.rmtree(new_folder, ignore_errors=True)
        shutil.copytree(old_folder, new_folder)
        on = Tagged("MODULE", name)
        references = tags_of(session.catalog, on)
        untag(session.catalog, on)
        for reference in references:
            set_tag(session.catalog, model.tagged, reference.tag, reference.value)
    shutil.rmtree(old_folder, ignore_errors=True)


def drop_model(session: Session, name: ObjectName, *, if_exists: bool = False) -> bool:
    """Drop a model with all its versions; False if it was not there and that was allowed."""
    with session.catalog.transaction():
        if not session.catalog.delete("model", name, if_exists=if_exists):
            return False
        untag(session.catalog, Tagged("MODULE", name))
    shutil.rmtree(object_folder(session.account.state.models, name), ignore_errors=True)
    return True


@snow_location("model")
def model_location(session: Session, rest: str) -> Location:
    """Resolve `D.S.M/versions/V/path`: the files of one version, which nobody changes."""
    parts, path = split_name(rest)
    model = find_model(session, session.resolve(parts))
    first, _, behind = path.partition("/")
    named, _, inside = behind.partition("/")
    if first != "versions" or not named:
        raise syntax_error(f"snow://model/{rest} names no version: write snow://model/<model>/versions/<version>/...")
    version = model.version(named)
    folder = version_folder(session, model.name, version.name)
    return Location(folder, inside, f"versions/{version.name}/", writable=False)


def _save(session: Session, model: Model) -> None:
    body = {
        "owner": model.owner,
        "comment": model.comment,
        "default_version": model.default_version,
        "versions": [asdict(version) for version in model.versions],
    }
    session.catalog.put(Document("model", model.name, json.loads(json.dumps(body)), model.created_on))


def _model(document: Document) -> Model:
    body = document.body
    versions = tuple(_version(version) for version in body["versions"])
    return Model(document.name, document.created_on, body["owner"], body["comment"], body["default_version"], versions)


def _version(facts: dict[str, Any]) -> ModelVersion:
    sources = tuple(LineageSource(**source) for source in facts["sources"])
    return ModelVersion(**{**facts, "aliases": tuple(facts["aliases"]), "sources": sources})

"""Temporary objects of the catalog (stages, file formats, functions): their documents name the session they end with."""

from __future__ import annotations

import json
import shutil

from mlops_embedded.catalog import Catalog, ObjectName
from mlops_embedded.state import StateFolder, object_folder


def drop_temporary_objects(catalog: Catalog, state: StateFolder, session_id: int) -> None:
    """Drop what a session that ended has left."""
    _drop(catalog, state, "json_extract(body, '$.session') = ?", (session_id,))


def drop_orphans(catalog: Catalog, state: StateFolder) -> None:
    """Drop temporary objects of sessions that nobody can come back to: the server died, and the login is gone."""
    alive = [json.loads(body)["id"] for (body,) in catalog.rows("SELECT body FROM sessions")]
    listed = ", ".join(str(int(each)) for each in alive) or "NULL"
    where = f"json_extract(body, '$.session') IS NOT NULL AND json_extract(body, '$.session') NOT IN ({listed})"
    _drop(catalog, state, where if alive else "json_extract(body, '$.session') IS NOT NULL", ())


def _drop(catalog: Catalog, state: StateFolder, where: str, values: tuple[object, ...]) -> None:
    rows = catalog.rows(f"SELECT kind, database, schema, name FROM documents WHERE {where}", values)
    for kind, database, schema, name in rows:
        named = ObjectName(database or None, schema or None, name)
        catalog.delete(kind, named, if_exists=True)
        if kind == "stage":
            shutil.rmtree(object_folder(state.stages, named), ignore_errors=True)

"""Online feature tables: the account has none and makes none, which clients that look for them may find out."""

from __future__ import annotations

from mlops_embedded.errors import does_not_exist
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Statement

_SHOWN = ("name", "database_name", "schema_name", "owner", "comment", "scheduling_state", "target_lag", "text")


@statement("SHOW", "ONLINE", "FEATURE", "TABLES")
def show_online_feature_tables(session: Session, found: Statement) -> Rowset:
    read_show_options(session, found.after("SHOW", "ONLINE", "FEATURE", "TABLES"))
    return Rowset.of(_SHOWN)


@statement("DROP", "ONLINE", "FEATURE", "TABLE")
def drop_online_feature_table(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "ONLINE", "FEATURE", "TABLE")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP ONLINE FEATURE TABLE")
    reader.finish()
    if not if_exists:
        raise does_not_exist("online feature table", name)
    return Status(f"Drop statement executed successfully ({name.name} already dropped).")

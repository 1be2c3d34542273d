"""A query in DuckDB's words. What was translated once is not translated again: fakesnow goes over a tree some 75 times.

The key is the whole tree, after everything of ours has been done to it, and where unqualified names point.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr

from mlops_embedded.sql import fakesnow_faults

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session

_KEPT = 400
_MOST_NODES = 600
"""Larger trees are seldom asked twice, and their keys would fill the memory."""

_known: OrderedDict[Any, str] = OrderedDict()
_lock = threading.Lock()


def translated(session: Session, cursor: FakeSnowflakeCursor, query: Expr) -> str | None:
    """Return a query as DuckDB runs it; None for one that fakesnow runs in a way of its own (SAMPLE with a seed)."""
    key = (session.connection.database, session.connection.schema, _exact(query))
    if key[-1] is not None:
        with _lock:
            known = _known.get(key)
            if known is not None:
                _known.move_to_end(key)
                return known
    tree = fakesnow_faults.after_transforms(cursor._transform(query.copy(), None))
    if tree.args.get("seed") or tree.args.get("result_scan_sfqid"):
        return None
    text: str = tree.sql(dialect="duckdb")
    if key[-1] is not None:
        with _lock:
            _known[key] = text
            while len(_known) > _KEPT:
                _known.popitem(last=False)
    return text


def _exact(query: Expr) -> tuple[Any, ...] | None:
    """Return a tree as a value that only an equal tree has, letters' case included; None if it is large."""
    nodes = 0

    def value_of(node: Any) -> Any:
        nonlocal nodes
        if isinstance(node, Expr):
            nodes += 1
            if nodes > _MOST_NODES:
                raise RecursionError
            return type(node), *((key, value_of(each)) for key, each in node.args.items() if each is not None)
        if isinstance(node, list):
            return tuple(value_of(each) for each in node)
        return type(node), node

    try:
        found: tuple[Any, ...] = value_of(query)
        hash(found)
    except (RecursionError, TypeError):
        return None
    return found

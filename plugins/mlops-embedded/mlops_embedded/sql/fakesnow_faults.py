"""Work-arounds of fakesnow 0.12's own faults, one function each, and nothing else.

Each has a test in tests/functional/sql/test_fakesnow_faults.py that fails when fakesnow no longer needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import Expr

if TYPE_CHECKING:
    from mlops_embedded.sql.session import Session


def before_transforms(session: Session, expression: Expr) -> Expr:
    """Return the parsed Snowflake statement in a form that fakesnow's transforms take."""
    return expression


def after_transforms(expression: Expr) -> Expr:
    """Return the DuckDB statement as it must be where the transforms leave it wrong."""
    return expression

"""Session variables and IDENTIFIER('...') are put in their places before a statement is looked at."""

from __future__ import annotations

import pytest
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.substitution import substituted

VARIABLES = {"LIMIT": "10", "NAME": "'o''clock'"}


@pytest.mark.parametrize(
    ("sql", "meant"),
    [
        ("SELECT $limit + $NAME", "SELECT 10 + 'o''clock'"),
        ("SELECT '$limit', $1 FROM t", "SELECT '$limit', $1 FROM t"),
        ("SELECT * FROM IDENTIFIER('db.t') x", "SELECT * FROM db.t x"),
        ("SELECT identifier FROM IDENTIFIER(:name)", "SELECT identifier FROM IDENTIFIER(:name)"),
        ("CREATE SCOPED TEMPORARY TABLE t (scoped int)", "CREATE  TEMPORARY TABLE t (scoped int)"),
    ],
)
def test_names_are_put_in_and_nothing_else_is_touched(sql: str, meant: str) -> None:
    assert substituted(Statement.of(sql), VARIABLES).text == meant


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(SnowflakeError, match=r"Session variable '\$NOT_SET' does not exist"):
        substituted(Statement.of("SELECT $not_set"), VARIABLES)

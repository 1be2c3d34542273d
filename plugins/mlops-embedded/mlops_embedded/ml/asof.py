"""ASOF JOIN: each row of the left side with the last row of the right side that is not after it.

DuckDB's ASOF JOIN takes the condition inside ON, and drops left rows without a match, which Snowflake keeps:

    l ASOF JOIN r MATCH_CONDITION (l.t >= r.t) ON l.k = r.k      Snowflake
    l ASOF LEFT JOIN r ON (l.t >= r.t) AND l.k = r.k             DuckDB
"""

from __future__ import annotations

from mlops_embedded.errors import syntax_error, unknown_here
from mlops_embedded.sql.functions import query_rewrite
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind

_COMPARISONS = {">=", ">", "<=", "<"}


@query_rewrite
def rewrite_asof_joins(session: Session, found: Statement) -> Statement:
    """Write every ASOF JOIN as DuckDB's; other statements come back as they are."""
    edits: list[tuple[int, int, str]] = []
    for index, token in enumerate(found.tokens[:-1]):
        if token.is_word("ASOF") and found.tokens[index + 1].is_word("JOIN"):
            edits.append((token.end, token.end, " LEFT"))
        elif token.is_word("MATCH_CONDITION") and found.tokens[index + 1].is_symbol("("):
            edits.append(_condition(found, index))
    text, position = "", 0
    for start, end, replacement in edits:
        text += found.text[position:start] + replacement
        position = end
    return Statement.of(text + found.text[position:]) if edits else found


def _condition(found: Statement, index: int) -> tuple[int, int, str]:
    """Return the edit that moves MATCH_CONDITION (...) into the ON behind it, or makes it one."""
    reader = Reader(found, index + 1)
    inside = reader.parenthesised()
    if not inside:
        raise syntax_error("MATCH_CONDITION is empty: it compares a column of each side")
    if sum(t.kind is Kind.SYMBOL and t.text in _COMPARISONS for t in inside) != 1:
        raise syntax_error("MATCH_CONDITION takes exactly one comparison: >=, >, <= or <")
    condition = f"ON ({reader.text_of(inside)})"
    following = reader.peek()
    start, end = found.tokens[index].start, found.tokens[reader.position - 1].end
    if following is not None and following.is_word("USING"):
        raise unknown_here("ASOF JOIN ... USING (...): write the columns as ON l.k = r.k")
    if following is not None and following.is_word("ON"):
        return start, following.end, f"{condition} AND"
    return start, end, condition

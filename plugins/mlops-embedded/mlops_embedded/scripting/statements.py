"""Anonymous blocks, EXECUTE IMMEDIATE, and what BEGIN means when it opens no block: a transaction."""

from __future__ import annotations

from mlops_embedded.errors import syntax_error, unknown_here
from mlops_embedded.scripting.reading import is_block, read_block
from mlops_embedded.scripting.running import run_block
from mlops_embedded.scripting.values import Value, with_marks
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.functions import split_arguments
from mlops_embedded.sql.results import Column, Result, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind, string_value

ANONYMOUS = "anonymous block"


@statement("DECLARE", describes=[Column(ANONYMOUS)])
def declare(session: Session, found: Statement) -> Result:
    return _anonymous(session, found)


@statement("BEGIN")
def begin(session: Session, found: Statement) -> Result:
    if is_block(found):
        return _anonymous(session, found)
    reader = found.after("BEGIN")
    reader.accept_any(("TRANSACTION", "WORK"))
    if reader.accept("NAME"):
        reader.identifier()
    reader.finish()
    session.begin()
    return Status()


def _anonymous(session: Session, found: Statement) -> Result:
    returned = run_block(session, found.text, read_block(found))
    if returned.rows is not None:
        return returned.rows
    return session.execute(f'SELECT {returned.value.sql} AS "{ANONYMOUS}"')


@statement("EXECUTE", "IMMEDIATE", describes=[Column(ANONYMOUS)])
def execute_immediate(session: Session, found: Statement) -> Result:
    """Run the statement, or the block, that a string or a session variable holds."""
    reader = found.after("EXECUTE", "IMMEDIATE")
    if reader.accept("FROM"):
        raise unknown_here("EXECUTE IMMEDIATE FROM a file")
    token = reader.next()
    if token.kind is not Kind.STRING:
        raise syntax_error(f"syntax error: unexpected {token.text!r}, expected a string")
    text = string_value(token.text)
    values = _using(session, reader)
    reader.finish()
    asked = Statement.of(text)
    return session.execute(with_marks(asked, values) if values else asked.text)


def _using(session: Session, reader: Reader) -> list[Value]:
    if not reader.accept("USING"):
        return []
    arguments = split_arguments(reader.parenthesised())
    texts = [reader.text_of(argument) for argument in arguments]
    return [Value(session.scalar(f"SELECT {text}"), text) for text in texts]

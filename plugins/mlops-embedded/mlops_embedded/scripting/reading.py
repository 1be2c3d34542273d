"""Reads the text of a Snowflake Scripting block into its parts; what it does not know is a syntax error there."""

from __future__ import annotations

from collections.abc import Callable

from mlops_embedded.errors import syntax_error, unknown_here
from mlops_embedded.scripting import blocks
from mlops_embedded.scripting.blocks import Does, Step
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.sql.tokens import Kind, Token

_TRANSACTION = {"TRANSACTION", "WORK", "NAME"}
_ASYNC = "asynchronous child jobs in Snowflake Scripting (ASYNC, AWAIT)"


def is_block(found: Statement) -> bool:
    """Whether a statement is a block: DECLARE, or BEGIN that opens no transaction."""
    return _opens_block(Reader(found))


def read_block(found: Statement) -> blocks.Block:
    """Read a whole block.

    Raises:
        SnowflakeError 001003: it is not one; the message has the position.
    """
    reader = Reader(found)
    block = _Reading(found, reader).block()
    reader.accept(";")
    reader.finish()
    return block


def _opens_block(reader: Reader) -> bool:
    first, second = reader.peek(), reader.peek(1)
    if first is None or second is None or first.kind is not Kind.WORD:
        return False
    if first.is_word("DECLARE"):
        return True
    return first.is_word("BEGIN") and not second.is_symbol(";") and second.text.upper() not in _TRANSACTION


class _Reading:
    def __init__(self, found: Statement, reader: Reader) -> None:
        self._found, self._reader = found, reader
        self._statements: dict[str, Callable[[], Does | None]] = {
            "LET": self._let,
            "IF": self._if,
            "CASE": self._case,
            "FOR": self._for,
            "WHILE": self._while,
            "REPEAT": self._repeat,
            "LOOP": self._loop,
            "BREAK": lambda: blocks.Leave(go_on=False),
            "EXIT": lambda: blocks.Leave(go_on=False),
            "CONTINUE": lambda: blocks.Leave(go_on=True),
            "ITERATE": lambda: blocks.Leave(go_on=True),
            "RETURN": self._return,
            "RAISE": self._raise,
            "OPEN": lambda: blocks.Open(self._reader.identifier()),
            "CLOSE": lambda: blocks.Close(self._reader.identifier()),
            "FETCH": self._fetch,
            "NULL": lambda: None,
        }

    # -- blocks

    def block(self) -> blocks.Block:
        reader, declared = self._reader, []
        if reader.accept("DECLARE"):
            while not self._next_is("BEGIN"):
                declared.append(self._declaration())
                reader.expect(";")
        reader.expect("BEGIN")
        body = self._steps("EXCEPTION", "END")
        handlers = []
        if reader.accept("EXCEPTION"):
            while reader.accept("WHEN"):
                handlers.append(self._handler())
        reader.expect("END")
        return blocks.Block(tuple(declared), body, tuple(handlers))

    def _handler(self) -> tuple[tuple[str, ...], tuple[Step, ...]]:
        reader = self._reader
        names = [reader.identifier()]
        while reader.accept("OR"):
            names.append(reader.identifier())
        if reader.accept("CONTINUE"):
            raise unknown_here("CONTINUE handlers in Snowflake Scripting")
        reader.accept("EXIT")
        reader.expect("THEN")
        return tuple(names), self._steps("WHEN", "END")

    def _declaration(self) -> blocks.Variable | blocks.Rows | blocks.Declared:
        reader = self._reader
        name = reader.identifier()
        if reader.accept("EXCEPTION"):
            number, message = -20000, ""
            if reader.accept("("):
                sign = -1 if reader.accept("-") else 1
                number = sign * reader.integer()
                if reader.accept(","):
                    message = reader.string()
                reader.expect(")")
            return blocks.Declared(name, number, message)
        return self._variable_or_rows(name)

    def _variable_or_rows(self, name: str) -> blocks.Variable | blocks.Rows:
        reader = self._reader
        if reader.accept("CURSOR", "FOR"):
            return blocks.Rows(name, self._sql(until=()), is_cursor=True)
        if reader.accept("RESULTSET"):
            return blocks.Rows(name, self._query() if self._assigned() else None, is_cursor=False)
        type_ = self._type()
        return blocks.Variable(name, type_, self._sql(until=()) if self._assigned() else None)

    def _type(self) -> str | None:
        start = self._reader.position
        while (token := self._reader.peek()) is not None and not (
            token.is_symbol(";") or token.is_symbol(":") or token.is_word("DEFAULT")
        ):
            self._reader.next()
        return self._text(start) or None

    def _assigned(self) -> bool:
        return self._reader.accept("DEFAULT") or self._reader.accept(":", "=")

    def _query(self) -> Statement:
        """Read a resultset's query: `(SELECT ...)`, `(EXECUTE IMMEDIATE ...)`."""
        if self._next_is("ASYNC"):
            raise unknown_here(_ASYNC)
        inside = self._reader.parenthesised()
        if not inside:
            raise syntax_error("a RESULTSET needs a query in parentheses")
        return Statement.of(self._reader.text_of(inside))

    # -- statements

    def _steps(self, *until: str) -> tuple[Step, ...]:
        steps: list[Step] = []
        while not any(self._next_is(word) for word in until):
            token = self._reader.peek()
            if token is None:
                raise syntax_error(f"syntax error: unexpected end of the block, expected {' or '.join(until)}")
            steps.append(Step(self._step(token), token.start))
            self._reader.expect(";")
        return tuple(steps)

    def _step(self, token: Token) -> Does | None:
        reader, word = self._reader, token.text.upper()
        if _opens_block(reader):
            return self.block()
        if word in {"ASYNC", "AWAIT"}:
            raise unknown_here(_ASYNC)
        following, after = reader.peek(1), reader.peek(2)
        if following is not None and following.is_symbol(":") and after is not None and after.is_symbol("="):
            return self._assignment()
        if token.kind is Kind.WORD and word in self._statements:
            reader.next()
            return self._statements[word]()
        if reader.accept("EXECUTE", "IMMEDIATE"):
            return self._immediate()
        return self._statement()

    def _assignment(self) -> blocks.Assign:
        reader = self._reader
        name = reader.identifier()
        reader.expect(":", "=")
        return blocks.Assign(name, self._sql(until=()))

    def _statement(self) -> blocks.Sql:
        """Read a SQL statement, without the INTO of a SELECT."""
        start, depth = self._reader.position, 0
        pieces: list[str] = []
        into: tuple[str, ...] = ()
        selects = self._next_is("SELECT") or self._next_is("WITH")
        while (token := self._reader.peek()) is not None and not (depth == 0 and token.is_symbol(";")):
            depth += token.is_symbol("(") - token.is_symbol(")")
            if selects and depth == 0 and token.is_word("INTO"):
                pieces.append(self._text(start))
                self._reader.next()
                into = self._bound_names()
                start = self._reader.position
            else:
                self._reader.next()
        pieces.append(self._text(start))
        return blocks.Sql(Statement.of(" ".join(pieces)), into)

    def _immediate(self) -> blocks.Immediate:
        text = self._sql(until=("USING",))
        using: tuple[str, ...] = ()
        if self._reader.accept("USING"):
            self._reader.expect("(")
            using = self._bound_names()
            self._reader.expect(")")
        return blocks.Immediate(text, using)

    def _bound_names(self) -> tuple[str, ...]:
        """Read `:a, :b`; the colons may be left out."""
        names = []
        while True:
            self._reader.accept(":")
            names.append(self._reader.identifier())
            if not self._reader.accept(","):
                return tuple(names)

    def _let(self) -> blocks.Variable | blocks.Rows:
        found = self._variable_or_rows(self._reader.identifier())
        if isinstance(found, blocks.Variable) and found.value is None:
            raise syntax_error(f"LET {found.name} needs a value")
        return found

    def _condition(self) -> Statement:
        inside = self._reader.parenthesised()
        if not inside:
            raise syntax_error("a condition is empty")
        return Statement.of(self._reader.text_of(inside))

    def _if(self) -> blocks.If:
        branches: list[tuple[Statement | None, tuple[Step, ...]]] = []
        while True:
            condition = self._condition()
            self._reader.expect("THEN")
            branches.append((condition, self._steps("ELSEIF", "ELSE", "END")))
            if not self._reader.accept("ELSEIF"):
                break
        if self._reader.accept("ELSE"):
            branches.append((None, self._steps("END")))
        self._reader.expect("END", "IF")
        return blocks.If(tuple(branches))

    def _case(self) -> blocks.If:
        branches: list[tuple[Statement | None, tuple[Step, ...]]] = []
        of = None if self._next_is("WHEN") else self._sql(until=("WHEN",)).text
        while self._reader.accept("WHEN"):
            wanted = self._sql(until=("THEN",))
            self._reader.expect("THEN")
            condition = wanted if of is None else Statement.of(f"({of}) = ({wanted.text})")
            branches.append((condition, self._steps("WHEN", "ELSE", "END")))
        if self._reader.accept("ELSE"):
            branches.append((None, self._steps("END")))
        self._reader.expect("END")
        self._reader.accept("CASE")
        return blocks.If(tuple(branches))

    def _for(self) -> blocks.Count | blocks.Each:
        reader = self._reader
        name = reader.identifier()
        reader.expect("IN")
        following = reader.peek(1)
        if following is not None and following.is_word("DO"):
            rows = reader.identifier()
            return blocks.Each(name, rows, self._looped("FOR"))
        reverse = reader.accept("REVERSE")
        first = self._sql(until=("TO",))
        reader.expect("TO")
        last = self._sql(until=("DO", "LOOP"))
        return blocks.Count(name, first, last, reverse, self._looped("FOR"))

    def _while(self) -> blocks.Loop:
        condition = self._condition()
        return blocks.Loop(self._looped("WHILE"), condition)

    def _looped(self, kind: str) -> tuple[Step, ...]:
        """Read `DO ... END FOR` or `LOOP ... END LOOP`."""
        word = "LOOP" if self._reader.accept("LOOP") else kind
        if word != "LOOP":
            self._reader.expect("DO")
        body = self._steps("END")
        self._reader.expect("END", word)
        return body

    def _repeat(self) -> blocks.Loop:
        body = self._steps("UNTIL")
        self._reader.expect("UNTIL")
        condition = self._condition()
        self._reader.expect("END", "REPEAT")
        return blocks.Loop(body, condition, at_end=True)

    def _loop(self) -> blocks.Loop:
        body = self._steps("END")
        self._reader.expect("END", "LOOP")
        return blocks.Loop(body)

    def _return(self) -> blocks.Return:
        if self._next_is(";"):
            return blocks.Return()
        if self._reader.accept("TABLE", "("):
            rows = self._reader.identifier()
            self._reader.expect(")")
            return blocks.Return(rows=rows)
        return blocks.Return(self._sql(until=()))

    def _raise(self) -> blocks.Raise:
        return blocks.Raise(None if self._next_is(";") else self._reader.identifier())

    def _fetch(self) -> blocks.Fetch:
        cursor = self._reader.identifier()
        self._reader.expect("INTO")
        return blocks.Fetch(cursor, self._bound_names())

    # -- tokens

    def _sql(self, until: tuple[str, ...]) -> Statement:
        """Read an expression or a query: up to `;`, or one of these words outside of parentheses and CASE."""
        start, depth = self._reader.position, 0
        while (token := self._reader.peek()) is not None:
            if depth == 0 and (token.is_symbol(";") or (token.kind is Kind.WORD and token.text.upper() in until)):
                break
            depth += token.is_symbol("(") - token.is_symbol(")") + token.is_word("CASE") - token.is_word("END")
            self._reader.next()
        return Statement.of(self._text(start))

    def _text(self, start: int) -> str:
        """Return what was read since this position, as written."""
        return self._reader.text_of(self._found.tokens[start : self._reader.position])

    def _next_is(self, word: str) -> bool:
        token = self._reader.peek()
        return token is not None and (token.is_word(word) or token.is_symbol(word))

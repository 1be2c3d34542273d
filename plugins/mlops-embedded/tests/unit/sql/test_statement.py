import pytest
from mlops_embedded.errors import SnowflakeError
from mlops_embedded.sql.statement import Statement
from mlops_embedded.sql.tokens import string_literal, string_value, tokenize


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


def test_comments_are_no_tokens_and_strings_keep_what_looks_like_one() -> None:
    assert words("SELECT /* a; */ '-- b' -- c\n, $$ // d $$") == ["SELECT", "'-- b'", ",", "$$ // d $$"]


def test_a_body_in_dollars_may_hold_quotes_semicolons_and_comment_marks() -> None:
    found = Statement.of("""ALTER MODEL M SET COMMENT = $${"a": "it's; -- /* "}$$;""")

    reader = found.after("ALTER", "MODEL")
    reader.name()
    reader.expect("SET", "COMMENT", "=")

    assert reader.string() == """{"a": "it's; -- /* "}"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("create or replace scoped temp table x (a int)", ("CREATE", "TABLE", "X")),
        ("/* hint */ desc view v", ("DESCRIBE", "VIEW", "V")),
        ("LS @stage", ("LIST",)),
        ("SHOW TERSE TABLES", ("SHOW", "TABLES")),
        ("select 1", ("SELECT",)),
    ],
)
def test_the_words_of_a_statement_leave_modifiers_and_synonyms_out(text: str, expected: tuple[str, ...]) -> None:
    assert Statement.of(text).words == expected


def test_modifiers_are_known_apart_from_the_words() -> None:
    found = Statement.of("CREATE OR REPLACE TEMP STAGE s")

    assert found.or_replace
    assert found.temporary


def test_a_name_has_its_parts_as_stored_and_two_dots_mean_public() -> None:
    assert Statement.of('DROP MODEL a."b".c$1').after("DROP", "MODEL").name() == ("A", "b", "C$1")
    assert Statement.of("DROP MODEL a..c").after("DROP", "MODEL").name() == ("A", "PUBLIC", "C")


def test_a_stage_path_is_one_token() -> None:
    assert words('LIST @"My Db".s.st/a-b/c.csv') == ["LIST", '@"My Db".s.st/a-b/c.csv']
    assert words("PUT file:///tmp/a-b.csv @st") == ["PUT", "file:///tmp/a-b.csv", "@st"]
    assert words("LIST snow://experiment/D.S.E/versions/R") == ["LIST", "snow://experiment/D.S.E/versions/R"]


def test_a_clause_that_nobody_read_is_a_syntax_error() -> None:
    reader = Statement.of("DROP TABLE t WITH FIRE").after("DROP", "TABLE")
    reader.name()

    with pytest.raises(SnowflakeError, match="unexpected 'WITH'"):
        reader.finish()


@pytest.mark.parametrize("text", ["SELECT 'a", 'SELECT "a', "  ", "-- only a comment"])
def test_what_does_not_end_or_does_not_begin_is_refused(text: str) -> None:
    with pytest.raises(SnowflakeError) as caught:
        Statement.of(text)

    assert caught.value.code == "001003"


@pytest.mark.parametrize("value", ["", "it's", "back\\slash", "a\nb", "$$", "\\'", "ü"])
def test_a_literal_reads_back_as_the_value_it_was_made_of(value: str) -> None:
    assert string_value(string_literal(value)) == value

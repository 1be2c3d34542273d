"""docs/embedded.md is what the tests show."""


def test_the_table_of_what_works_is_what_the_marked_tests_say(table_of_what_works: tuple[str, str]) -> None:
    written, wanted = table_of_what_works

    assert written == wanted, "run `pytest --write-docs plugins/mlops-embedded/tests/unit/test_documentation.py`"

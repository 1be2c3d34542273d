import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlops_embedded.catalog import Catalog, Document, ObjectName
from mlops_embedded.errors import SnowflakeError


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    yield catalog
    catalog.close()


def name(text: str, schema: str = "S") -> ObjectName:
    return ObjectName("D", schema, text)


def test_a_document_is_there_after_the_file_was_opened_again(tmp_path: Path) -> None:
    first = Catalog(tmp_path / "c.sqlite")
    written = first.put(Document("task", name("T"), {"comment": "x"}))
    first.close()

    second = Catalog(tmp_path / "c.sqlite")

    assert second.get("task", name("T")) == written
    second.close()


def test_a_second_create_is_refused_unless_it_was_said_otherwise(catalog: Catalog) -> None:
    catalog.create(Document("task", name("T"), {"n": 1}))

    with pytest.raises(SnowflakeError) as caught:
        catalog.create(Document("task", name("T"), {"n": 2}))

    assert (caught.value.code, caught.value.http_status) == ("002002", 409)
    assert catalog.create(Document("task", name("T"), {"n": 3}), if_not_exists=True) is False
    assert catalog.get("task", name("T")).body == {"n": 1}
    assert catalog.create(Document("task", name("T"), {"n": 4}), or_replace=True) is True
    assert catalog.get("task", name("T")).body == {"n": 4}


def test_a_missing_document_is_002003(catalog: Catalog) -> None:
    with pytest.raises(SnowflakeError) as caught:
        catalog.get("compute_pool", ObjectName(None, None, "P"))

    assert (caught.value.code, caught.value.http_status) == ("002003", 404)
    assert "Compute pool 'P'" in caught.value.message


def test_like_ignores_case_and_knows_wildcards_and_escapes(catalog: Catalog) -> None:
    for each in ("MY_MODEL", "MYXMODEL", "OTHER"):
        catalog.put(Document("model", name(each)))

    def listed(like: str) -> list[str]:
        return [d.name.name for d in catalog.list("model", like=like)]

    assert listed("my_model") == ["MYXMODEL", "MY_MODEL"]
    assert listed("my\\_model") == ["MY_MODEL"]
    assert listed("%er") == ["OTHER"]


def test_a_list_is_one_schema_in_the_order_of_names_from_a_name_on(catalog: Catalog) -> None:
    for schema, each in (("S", "B"), ("S", "A"), ("S", "C"), ("S2", "Z")):
        catalog.put(Document("task", name(each, schema)))

    found = catalog.list("task", database="D", schema="S", from_name="A", limit=1)

    assert [d.name.name for d in found] == ["B"]


def test_a_failed_transaction_leaves_nothing(catalog: Catalog) -> None:
    def put_and_fail() -> None:
        with catalog.transaction():
            catalog.put(Document("task", name("T")))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        put_and_fail()

    assert catalog.find("task", name("T")) is None


def test_numbers_of_a_sequence_are_never_the_same_twice(catalog: Catalog) -> None:
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(catalog.next_number("q"))) for _ in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 21))


def test_a_rename_onto_another_object_is_refused(catalog: Catalog) -> None:
    catalog.put(Document("task", name("A")))
    catalog.put(Document("task", name("B")))

    with pytest.raises(SnowflakeError, match="already exists"):
        catalog.rename("task", name("A"), name("B"))

    assert catalog.rename("task", name("A"), name("C")).name == name("C")
    assert catalog.find("task", name("A")) is None

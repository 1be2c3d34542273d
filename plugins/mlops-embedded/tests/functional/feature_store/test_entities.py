"""The constructor of FeatureStore, and its entities."""

from __future__ import annotations

import pytest
from snowflake.ml.feature_store import CreationMode, Entity, FeatureStore
from snowflake.snowpark import Session


def store_of(session: Session, name: str, mode: CreationMode) -> FeatureStore:
    return FeatureStore(session, "EMBEDDED", name, default_warehouse="COMPUTE_WH", creation_mode=mode)


@pytest.mark.embedded("FeatureStore: constructor, in both creation modes")
def test_a_feature_store_is_found_only_where_one_was_created(session: Session) -> None:
    with pytest.raises(ValueError, match="schema NEW_STORE does not exist"):
        store_of(session, "NEW_STORE", CreationMode.FAIL_IF_NOT_EXIST)

    store_of(session, "NEW_STORE", CreationMode.CREATE_IF_NOT_EXIST)

    found = store_of(session, "NEW_STORE", CreationMode.FAIL_IF_NOT_EXIST)
    assert found.list_entities().collect() == []


def test_a_schema_without_the_tags_of_a_store_is_no_feature_store(session: Session) -> None:
    session.sql("CREATE SCHEMA EMBEDDED.PLAIN").collect()

    with pytest.raises(ValueError, match="SNOWML_FEATURE_STORE_OBJECT does not exist"):
        store_of(session, "PLAIN", CreationMode.FAIL_IF_NOT_EXIST)


def test_a_warehouse_that_does_not_exist_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="Cannot find warehouse NO_SUCH_WH"):
        FeatureStore(session, "EMBEDDED", "ANY", default_warehouse="NO_SUCH_WH")


@pytest.mark.embedded("FeatureStore: register, get, list, update and delete entities")
def test_an_entity_is_registered_read_updated_and_deleted(store: FeatureStore) -> None:
    store.register_entity(Entity("ACCOUNT", ["BANK", "NUMBER"], desc="it's theirs"))

    account = store.get_entity("ACCOUNT")
    assert [str(key) for key in account.join_keys] == ["BANK", "NUMBER"]
    assert (account.desc, account.owner) == ("it's theirs", "ACCOUNTADMIN")
    listed = {row["NAME"]: row["JOIN_KEYS"] for row in store.list_entities().collect()}
    assert listed == {"ACCOUNT": '["BANK", "NUMBER"]', "CUSTOMER": '["ID"]'}

    store.update_entity("ACCOUNT", desc="ours")
    assert store.get_entity("ACCOUNT").desc == "ours"

    store.delete_entity("ACCOUNT")
    with pytest.raises(ValueError, match="Cannot find Entity"):
        store.get_entity("ACCOUNT")


def test_registering_an_entity_twice_warns_and_keeps_the_first(store: FeatureStore) -> None:
    with pytest.warns(UserWarning, match="already exists"):
        store.register_entity(Entity("CUSTOMER", ["ID"], desc="another text"))

    assert store.get_entity("CUSTOMER").desc == "who buys"


@pytest.mark.embedded("Tags: allowed values, SYSTEM$GET_TAG, TAG_REFERENCES")
def test_a_tag_takes_its_allowed_values_only(session: Session) -> None:
    session.sql("CREATE TAG EMBEDDED.PUBLIC.STAGE_OF_LIFE ALLOWED_VALUES 'trial', 'paid' COMMENT = 'where'").collect()
    session.sql("ALTER TABLE EMBEDDED.PUBLIC.EVENTS SET TAG EMBEDDED.PUBLIC.STAGE_OF_LIFE = 'paid'").collect()

    with pytest.raises(Exception, match="'lost' is not one of the allowed values"):
        session.sql("ALTER TABLE EMBEDDED.PUBLIC.EVENTS SET TAG EMBEDDED.PUBLIC.STAGE_OF_LIFE = 'lost'").collect()

    [value] = session.sql(
        "SELECT SYSTEM$GET_TAG('EMBEDDED.PUBLIC.STAGE_OF_LIFE', 'EMBEDDED.PUBLIC.EVENTS', 'TABLE') AS V"
    ).collect()
    assert value["V"] == "paid"
    [reference] = session.sql(
        "SELECT TAG_NAME, TAG_VALUE FROM TABLE(EMBEDDED.INFORMATION_SCHEMA.TAG_REFERENCES('EMBEDDED.PUBLIC.EVENTS', 'TABLE'))"
    ).collect()
    assert (reference["TAG_NAME"], reference["TAG_VALUE"]) == ("STAGE_OF_LIFE", "paid")


def test_dropping_a_tag_takes_it_off_every_object(session: Session) -> None:
    session.sql("CREATE TAG EMBEDDED.PUBLIC.PASSING").collect()
    session.sql("ALTER TABLE EMBEDDED.PUBLIC.EVENTS SET TAG EMBEDDED.PUBLIC.PASSING = 'x'").collect()
    session.sql("DROP TAG EMBEDDED.PUBLIC.PASSING").collect()
    session.sql("CREATE TAG EMBEDDED.PUBLIC.PASSING").collect()

    [value] = session.sql(
        "SELECT SYSTEM$GET_TAG('EMBEDDED.PUBLIC.PASSING', 'EMBEDDED.PUBLIC.EVENTS', 'TABLE') AS V"
    ).collect()
    assert value["V"] is None

from __future__ import annotations

import pandas as pd
import pytest
from mlops_churn import nodes
from mlops_churn.cleaning import DUPLICATE, NEW_BILL, InvalidCustomersError, MissingColumnsError, clean

from mlops import Context


@pytest.fixture
def raw() -> pd.DataFrame:
    customers: pd.DataFrame = nodes.generate_data(customer_count=200, random_state=1)["customers"]
    return customers


def change(raw: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """Return the customers with another value in the fourth of them."""
    changed = raw.astype({column: "object"})
    changed.loc[3, column] = value
    return changed


def test_the_eleven_customers_without_a_bill_get_a_total_of_zero_and_are_counted() -> None:
    cleaned = clean(nodes.generate_data()["customers"], invalid_rows="error")

    assert cleaned.mended == {NEW_BILL: 11}
    assert cleaned.left_out == {}
    assert len(cleaned.customers) == 7043
    assert (cleaned.customers.loc[cleaned.customers["tenure"] == 0, "total_charges"] == 0).all()
    assert cleaned.customers["churn"].sum() == 1869
    assert not cleaned.customers.isna().any(axis=None)


def test_columns_that_a_file_gave_as_text_are_read_as_numbers(raw: pd.DataFrame) -> None:
    text = raw.astype({"tenure": "str", "monthly_charges": "str", "female": "str", "contract": "str"})

    assert clean(text, invalid_rows="error").customers.equals(clean(raw, invalid_rows="error").customers)


def test_a_blank_total_of_a_new_customer_is_mended_and_of_an_old_one_is_an_error(raw: pd.DataFrame) -> None:
    new = change(raw, "total_charges", " ")
    new.loc[3, "tenure"] = 0
    old = change(raw, "total_charges", " ")
    old.loc[3, "tenure"] = 12

    mended = clean(new, invalid_rows="error")
    with pytest.raises(InvalidCustomersError) as caught:
        clean(old, invalid_rows="error")

    assert mended.mended[NEW_BILL] >= 1
    assert list(caught.value.broken) == ["total_charges not from 0 to 10,000,000"]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("contract", "Three years", "contract not one of"),
        ("contract", None, "contract not one of"),
        ("churn", "Maybe", "churn not one of"),
        ("female", 2, "female not 0 or 1"),
        ("tenure", -1, "tenure not from 0"),
        ("tenure", 1.5, "tenure not whole"),
        ("monthly_charges", float("inf"), "monthly_charges not from 0"),
        ("observed_at", "soon", "observed_at not a date"),
        ("customer_id", None, "customer_id empty"),
        ("online_security", "No internet service", "online_security does not fit"),
    ],
)
def test_a_row_that_breaks_a_rule_is_an_error_that_names_the_rule(
    raw: pd.DataFrame, column: str, value: object, rule: str
) -> None:
    raw["internet_service"] = "DSL"
    raw["online_security"] = "Yes"

    with pytest.raises(InvalidCustomersError) as caught:
        clean(change(raw, column, value), invalid_rows="error")

    assert any(broken.startswith(rule) for broken in caught.value.broken)
    assert "invalid_rows=drop" in str(caught.value.hint)


def test_rows_that_break_a_rule_can_be_left_out_and_are_counted(raw: pd.DataFrame) -> None:
    context = Context()

    kept = nodes.preprocess_data(change(raw, "tenure", -1), invalid_rows="drop", context=context)

    assert len(kept) == len(raw) - 1
    assert raw.loc[3, "customer_id"] not in set(kept["customer_id"])
    assert ("rows_left_out", 1) in [(metric.name, metric.value) for metric in context.metrics]


def test_a_row_given_twice_is_kept_once(raw: pd.DataFrame) -> None:
    cleaned = clean(pd.concat([raw, raw.iloc[[3, 5]]]), invalid_rows="error")

    assert cleaned.left_out == {DUPLICATE: 2}
    assert cleaned.customers.equals(clean(raw, invalid_rows="error").customers)


def test_one_customer_id_with_two_different_rows_is_an_error(raw: pd.DataFrame) -> None:
    with pytest.raises(InvalidCustomersError, match="used by different rows: 2"):
        clean(change(raw, "customer_id", raw.loc[4, "customer_id"]), invalid_rows="error")


def test_a_missing_column_is_named(raw: pd.DataFrame) -> None:
    with pytest.raises(MissingColumnsError) as caught:
        clean(raw.drop(columns="tenure"), invalid_rows="error")

    assert caught.value.missing == ["tenure"]


def test_the_order_of_the_rows_does_not_matter(raw: pd.DataFrame) -> None:
    shuffled = raw.sample(frac=1, random_state=9)

    assert clean(shuffled, invalid_rows="error").customers.equals(clean(raw, invalid_rows="error").customers)

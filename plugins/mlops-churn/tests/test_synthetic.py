from __future__ import annotations

import time

import pandas as pd
import pytest
from mlops_churn import nodes
from mlops_churn.cleaning import clean
from mlops_churn.schema import CATEGORIES, FLAGS, PROTECTIONS, STREAMS
from mlops_churn.synthetic import synthetic_customers

NOON = pd.Timestamp("2024-01-01 12:00")


@pytest.fixture(scope="module")
def synthetic() -> pd.DataFrame:
    return synthetic_customers(50_000, random_state=1, observed_at=NOON)


@pytest.fixture(scope="module")
def telco() -> pd.DataFrame:
    customers: pd.DataFrame = nodes.generate_data()["customers"]
    return customers


def test_equal_arguments_give_equal_customers_and_another_seed_gives_others() -> None:
    customers = synthetic_customers(1000, random_state=7, observed_at=NOON)

    assert customers.equals(synthetic_customers(1000, random_state=7, observed_at=NOON))
    assert not customers.equals(synthetic_customers(1000, random_state=8, observed_at=NOON))


def test_both_sources_have_the_same_columns_and_types(synthetic: pd.DataFrame, telco: pd.DataFrame) -> None:
    kept = clean(synthetic, invalid_rows="error").customers

    assert synthetic.columns.tolist() == telco.columns.tolist()
    assert synthetic.dtypes.equals(telco.dtypes)
    assert len(kept) == len(synthetic)


def test_rates_are_close_to_those_of_the_telco_customers(synthetic: pd.DataFrame, telco: pd.DataFrame) -> None:
    for column in FLAGS:
        assert synthetic[column].mean() == pytest.approx(telco[column].mean(), abs=0.03), column
    for column, words in CATEGORIES.items():
        for word in words:
            rates = [(frame[column] == word).mean() for frame in (synthetic, telco)]
            assert rates[0] == pytest.approx(rates[1], abs=0.05), (column, word)
    for column in ("tenure", "monthly_charges", "total_charges"):
        assert synthetic[column].mean() == pytest.approx(telco[column].mean(), rel=0.1), column


def test_services_fit_together_in_every_customer(synthetic: pd.DataFrame) -> None:
    offline = synthetic["internet_service"] == "No"

    for column in (*PROTECTIONS, *STREAMS):
        assert ((synthetic[column] == "No internet service") == offline).all()
    assert ((synthetic["multiple_lines"] == "No phone service") == (synthetic["phone_service"] == 0)).all()
    assert not (offline & (synthetic["phone_service"] == 0)).any()
    assert (synthetic["total_charges"].isna() == (synthetic["tenure"] == 0)).all()


def test_their_numbers_are_apart_from_those_of_the_telco_customers(
    synthetic: pd.DataFrame, telco: pd.DataFrame
) -> None:
    assert synthetic["customer_id"].is_unique
    assert synthetic["customer_id"].min() > telco["customer_id"].max()


def test_a_model_learns_the_story_back(synthetic: pd.DataFrame) -> None:
    parts = nodes.train_test_split(nodes.engineer_features(nodes.preprocess_data(synthetic.head(10_000))))

    evaluated = nodes.evaluate_model(
        **nodes.train_model(parts["train"], folds=2, max_iter=60),
        test=parts["test"],
        data_origin=nodes.generate_data(source="synthetic", customer_count=1)["data_origin"],
        bootstrap_samples=50,
        importance_repeats=1,
    )

    assert evaluated["metrics"]["gradient_boosting"]["roc_auc"] > 0.8
    assert "No score below says anything" in evaluated["model_card"].replace("\n", " ").replace("**", "")


def test_a_million_customers_take_no_loop_over_them() -> None:
    started = time.process_time()

    customers = synthetic_customers(1_000_000, random_state=0, observed_at=NOON)

    assert len(customers) == 1_000_000
    # A Python loop over a million rows of twenty columns takes some twenty times as long.
    assert time.process_time() - started < 10
    assert customers.memory_usage(deep=True).sum() < 60_000_000

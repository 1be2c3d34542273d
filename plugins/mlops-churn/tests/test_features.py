from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from mlops_churn.features import AUDIT, COLUMNS, FEATURES, LABEL, features_of

if TYPE_CHECKING:
    from conftest import Run


def test_a_feature_depends_on_its_own_row_alone(run: Run) -> None:
    some = run.clean.sample(100, random_state=5)

    together = run.features.loc[some.index]

    assert features_of(some).equals(together)
    for row in range(10):
        assert features_of(some.iloc[[row]]).equals(together.iloc[[row]])


def test_a_feature_does_not_depend_on_the_label(run: Run) -> None:
    flipped = run.clean.assign(churn=1 - run.clean["churn"])

    assert features_of(flipped)[list(FEATURES)].equals(run.features[list(FEATURES)])


def test_neither_the_label_nor_the_keys_nor_what_tells_groups_apart_is_a_feature() -> None:
    assert not {LABEL, "customer_id", "observed_at", *AUDIT} & set(FEATURES)
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_features_have_no_gaps_and_one_row_a_customer(run: Run) -> None:
    numbers = run.features.select_dtypes("number")

    assert list(run.features.columns) == list(COLUMNS)
    assert len(run.features) == 7043
    assert run.features["customer_id"].is_unique
    assert np.isfinite(numbers.to_numpy()).all()
    assert not run.features.isna().any(axis=None)


def test_counts_and_renewals_of_a_known_customer(run: Run) -> None:
    customer = run.features.set_index("customer_id").loc[2]  # a man, 34 months, DSL, security and protection

    assert (customer["contract"], customer["tenure"], customer["contract_months"]) == ("One year", 34, 12)
    assert customer["months_to_renewal"] == 2
    assert (customer["protection_count"], customer["streaming_count"], customer["service_count"]) == (2, 0, 4)
    assert customer["automatic_payment"] == 0
    assert customer["charge_per_service"] == 56.95 / 4
    assert customer["charge_change"] == 56.95 - 1889.5 / 34

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from mlops_churn import nodes
from mlops_churn.training import TooFewCustomersError

from mlops import MlopsError

if TYPE_CHECKING:
    from conftest import Run


def test_the_parts_share_no_customer_and_lose_none(run: Run) -> None:
    train, test = set(run.train["customer_id"]), set(run.test["customer_id"])

    assert not train & test
    assert train | test == set(run.features["customer_id"])
    assert len(test) == 1409


def test_both_parts_have_the_same_share_of_churners(run: Run) -> None:
    assert run.train["churn"].mean() == pytest.approx(run.test["churn"].mean(), abs=0.001)


def test_the_split_is_repeatable_and_follows_its_seed(run: Run) -> None:
    again, other = nodes.train_test_split(run.features), nodes.train_test_split(run.features, random_state=1)

    assert again["train"].equals(run.train)
    assert not other["train"].equals(run.train)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 5.0])
def test_a_share_that_leaves_one_part_empty_is_refused(run: Run, share: float) -> None:
    with pytest.raises(MlopsError, match="test_size"):
        nodes.train_test_split(run.features, test_size=share)


def test_too_few_churners_to_split_are_counted_in_the_error(run: Run) -> None:
    few = pd.concat(
        [run.features[run.features["churn"] == 0].head(50), run.features[run.features["churn"] == 1].head(1)]
    )

    with pytest.raises(TooFewCustomersError) as caught:
        nodes.train_test_split(few)

    assert (caught.value.stayed, caught.value.churned) == (50, 1)

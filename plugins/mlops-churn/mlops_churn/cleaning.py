"""Clean customers: rows that keep to the schema, the target as 0 or 1, and a count of what was done.

Every rule looks at one row at a time (duplicates aside), so that nothing is learned here that a held-out row
could tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlops import MlopsError
from mlops_churn.schema import CATEGORIES, CHURN, COLUMNS, CUSTOMER_ID, FLAGS, OBSERVED_AT, RANGES

if TYPE_CHECKING:
    import pandas as pd

InvalidRows = Literal["error", "drop"]

NEW_BILL = "total_charges empty at tenure 0, set to 0"
DUPLICATE = "repeated row left out"


class InvalidCustomersError(MlopsError):
    """Customers that break rules of the schema. ``broken`` maps each rule to the number of rows that do."""

    def __init__(self, broken: Mapping[str, int], *, rows: int, example: object) -> None:
        self.broken = dict(broken)
        rules = "; ".join(f"{rule}: {count:,}" for rule, count in broken.items())
        super().__init__(
            f"customers break the rules in {rows:,} rows ({rules}); the first is customer_id {example!r}",
            hint="mend them at the source, or leave such rows out and count them with invalid_rows=drop",
        )


class MissingColumnsError(MlopsError):
    """A customer table without columns that the schema has."""

    def __init__(self, missing: list[str]) -> None:
        self.missing = missing
        super().__init__(
            f"the customers have no column {', '.join(map(repr, missing))}",
            hint=f"a customer table has the columns {', '.join(COLUMNS)}",
        )


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Customers that keep to the schema, and what was done to make them so."""

    customers: pd.DataFrame
    mended: Mapping[str, int]
    left_out: Mapping[str, int]


def clean(raw: pd.DataFrame, *, invalid_rows: InvalidRows) -> Cleaned:
    """Return the customers in the types of the schema, sorted by ``customer_id``, ``churn`` as 0 or 1.

    A customer of tenure 0 has no bill yet: its empty ``total_charges`` becomes 0. A row repeated value for
    value is left out once more than once. Everything else that is wrong breaks a rule.

    Raises:
        MissingColumnsError: a column of the schema is not there.
        InvalidCustomersError: rows break a rule, and ``invalid_rows`` is "error".
    """
    import pandas as pd

    if missing := [column for column in COLUMNS if column not in raw.columns]:
        raise MissingColumnsError(missing)
    customers = raw[list(COLUMNS)].copy()
    numbers = (CUSTOMER_ID, *FLAGS, *RANGES)
    for column in numbers:
        # Text of a file: what is no number, blanks among it, becomes empty and meets its rule below.
        customers[column] = pd.to_numeric(customers[column], errors="coerce")
    customers[OBSERVED_AT] = pd.to_datetime(customers[OBSERVED_AT], errors="coerce").astype("datetime64[us]")

    new = customers["total_charges"].isna() & (customers["tenure"] == 0)
    customers.loc[new, "total_charges"] = 0.0
    repeated = customers.duplicated()
    customers = customers[~repeated]

    broken = {rule: rows for rule, rows in _rules(customers).items() if rows.any()}
    left_out = {rule: int(rows.sum()) for rule, rows in broken.items()}
    if broken:
        any_rule = pd.concat(broken, axis=1).any(axis=1)
        if invalid_rows == "error":
            example = customers.loc[any_rule, CUSTOMER_ID].iloc[0]
            raise InvalidCustomersError(left_out, rows=int(any_rule.sum()), example=example)
        customers = customers[~any_rule]
    if repeated.any():
        left_out[DUPLICATE] = int(repeated.sum())
    return Cleaned(
        customers=_typed(customers).sort_values(CUSTOMER_ID, kind="stable", ignore_index=True),
        mended={NEW_BILL: int(new.sum())} if new.any() else {},
        left_out=left_out,
    )


def _rules(customers: pd.DataFrame) -> dict[str, pd.Series]:
    """Return, per rule, which rows break it."""
    rules = {
        f"{CUSTOMER_ID} empty or not whole": customers[CUSTOMER_ID].isna() | (customers[CUSTOMER_ID] % 1 != 0),
        f"{CUSTOMER_ID} used by different rows": customers.duplicated(CUSTOMER_ID, keep=False),
        f"{OBSERVED_AT} not a date": customers[OBSERVED_AT].isna(),
        "tenure not whole": customers["tenure"].notna() & (customers["tenure"] % 1 != 0),
    }
    for column in FLAGS:
        rules[f"{column} not 0 or 1"] = ~customers[column].isin((0, 1))
    for column, words in CATEGORIES.items():
        rules[f"{column} not one of {', '.join(words)}"] = ~customers[column].isin(words)
    for column, (least, most) in RANGES.items():
        rules[f"{column} not from {least:,} to {most:,}"] = ~customers[column].between(least, most)
    without = customers["internet_service"] == "No"
    rules["online_security does not fit internet_service"] = without != (
        customers["online_security"] == "No internet service"
    )
    return rules


def _typed(customers: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    types: dict[str, object] = {CUSTOMER_ID: "int64", "tenure": "int16"}
    types |= dict.fromkeys(FLAGS, "int8")
    types |= {column: pd.CategoricalDtype(list(words)) for column, words in CATEGORIES.items() if column != CHURN}
    types |= {column: "float64" for column in RANGES if column != "tenure"}
    return customers.assign(**{CHURN: (customers[CHURN] == "Yes").astype("int8")}).astype(types)

"""Made-up customers of any number, for load and trials: they show what a pipeline does, not what people do.

Each customer is drawn from a small causal story (household, contract, tenure, services, price, and from these
the odds of leaving). Its rates are rounded from tables of the Telco customers, so that both sources look
alike column by column; no row is copied from a real customer. A model learns the story back, so that its
scores on this data say nothing about the world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_churn.schema import CATEGORIES, CHURN, COLUMNS, CUSTOMER_ID, OBSERVED_AT, PROTECTIONS, STREAMS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FIRST_CUSTOMER_ID = 1_000_001
"""Beyond the Telco customers' numbers, so that one feature store can hold both."""

LONGEST_TENURE = 72
NO_SERVICE = 2
"""The code of the third word: "No internet service" of an add-on, "No phone service" of multiple_lines."""

# Price list in the account's currency a month: least-squares on the Telco customers gives these to within
# 0.1.
PHONE, EXTRA_LINES, PROTECTION, STREAM = 20.0, 5.0, 5.0, 10.0
INTERNET = (0.0, 25.0, 50.0)  # No, DSL, Fiber optic

# How much more likely an add-on is for a customer of one and of two years' contract, and for each year of
# tenure.
ADD_ON_ODDS = {
    "online_security": (-1.4, 0.7, 1.5, 0.12),
    "online_backup": (-1.15, 0.4, 0.9, 0.25),
    "device_protection": (-1.25, 0.6, 1.4, 0.23),
    "tech_support": (-1.5, 0.8, 1.9, 0.11),
    "streaming_tv": (-1.2, 0.3, 0.9, 0.20),
    "streaming_movies": (-1.2, 0.3, 0.9, 0.20),
}

# The odds of leaving; tenure works through its logarithm.
CHURN_BASE, CHURN_LOG_TENURE = 0.55, -0.70
CHURN_ODDS = {
    "senior_citizen": 0.25,
    "dependents": -0.15,
    "one_year": -0.75,
    "two_year": -1.70,
    "paperless_billing": 0.35,
    "electronic_check": 0.35,
    "fiber": 0.75,
    "no_internet": -1.00,
    "online_security": -0.35,
    "tech_support": -0.30,
    "online_backup": -0.10,
    "streaming": 0.30,
    "multiple_lines": 0.30,
    "new_fiber_monthly": 0.50,
}


ORIGIN = """\
Synthetic customers, drawn from a fixed story with rates like those of the Telco data. **No score below says anything about
real customers**: the model learns the story back."""


def synthetic_customers(count: int, *, random_state: int, observed_at: pd.Timestamp) -> pd.DataFrame:
    """Return ``count`` made-up customers in the columns of ``schema.COLUMNS``; equal arguments, equal rows.

    Column by column in numpy: ten million take some 12 seconds and 1.3 GB, of which 0.5 GB stay.
    """
    import numpy as np
    import pandas as pd

    draw = np.random.default_rng(random_state)

    def chance(odds: NDArray[np.floating] | float) -> NDArray[np.bool_]:
        return draw.random(count, dtype=np.float32) < 1 / (1 + np.exp(-odds))

    def happens(rate: NDArray[np.floating] | float) -> NDArray[np.bool_]:
        return draw.random(count, dtype=np.float32) < rate

    female = happens(0.495)
    senior = happens(0.162)
    partner = happens(np.where(senior, 0.502, 0.479))
    dependents = happens(np.where(senior, np.where(partner, 0.145, 0.014), np.where(partner, 0.589, 0.115)))

    phone = happens(0.903)
    uniform = draw.random(count, dtype=np.float32)
    without = np.where(senior, 0.05, 0.28) * phone
    dsl = np.where(phone, np.where(senior, 0.17, 0.29), 1.0)
    internet = np.select([uniform < without, uniform < without + dsl], [0, 1], default=2).astype(np.int8)

    contract = _choose(draw, internet, ((0.34, 0.24, 0.42), (0.50, 0.24, 0.26), (0.69, 0.17, 0.14)))
    tenure = _tenure(draw, contract)
    years = tenure.astype(np.float32) / 12
    one_year, two_year = contract == 1, contract == 2

    lines = np.where(phone, chance(-1.3 + 0.36 * years + 0.35 * (internet == 2)), NO_SERVICE).astype(np.int8)
    add_ons: dict[str, NDArray[np.int8]] = {}
    for name, (base, with_one, with_two, a_year) in ADD_ON_ODDS.items():
        fiber = 0.75 if name in STREAMS else 0.0
        odds = base + with_one * one_year + with_two * two_year + a_year * years + fiber * (internet == 2)
        add_ons[name] = np.where(internet > 0, chance(odds), NO_SERVICE).astype(np.int8)

    paperless = happens(np.take((0.29, 0.55, 0.77), internet))
    payment = _choose(draw, internet, ((0.08, 0.48, 0.22, 0.22), (0.27, 0.25, 0.24, 0.24), (0.52, 0.08, 0.20, 0.20)))

    monthly = PHONE * phone + EXTRA_LINES * (lines == 1) + np.take(INTERNET, internet)
    monthly += sum(PROTECTION * (add_ons[name] == 1) for name in PROTECTIONS)
    monthly += sum(STREAM * (add_ons[name] == 1) for name in STREAMS)
    monthly = np.round(monthly + draw.normal(0, 1, count), 2)
    total = _billed(draw, monthly, tenure)

    causes = {
        "senior_citizen": senior,
        "dependents": dependents,
        "one_year": one_year,
        "two_year": two_year,
        "paperless_billing": paperless,
        "electronic_check": payment == 0,
        "fiber": internet == 2,
        "no_internet": internet == 0,
        "online_security": add_ons["online_security"] == 1,
        "tech_support": add_ons["tech_support"] == 1,
        "online_backup": add_ons["online_backup"] == 1,
        "streaming": (add_ons["streaming_tv"] == 1) | (add_ons["streaming_movies"] == 1),
        "multiple_lines": lines == 1,
        "new_fiber_monthly": (tenure <= 6) & (internet == 2) & (contract == 0),
    }
    odds = CHURN_BASE + CHURN_LOG_TENURE * np.log1p(tenure.astype(np.float32))
    for name, holds in causes.items():
        odds += CHURN_ODDS[name] * holds
    churned = chance(odds) & (tenure > 0)

    columns: dict[str, object] = {
        CUSTOMER_ID: np.arange(FIRST_CUSTOMER_ID, FIRST_CUSTOMER_ID + count, dtype=np.int64),
        OBSERVED_AT: np.full(count, np.datetime64(observed_at, "us")),
        CHURN: _words(CHURN, churned),
        "female": female.astype(np.int8),
        "senior_citizen": senior.astype(np.int8),
        "partner": partner.astype(np.int8),
        "dependents": dependents.astype(np.int8),
        "tenure": tenure,
        "phone_service": phone.astype(np.int8),
        "multiple_lines": _words("multiple_lines", lines),
        "internet_service": _words("internet_service", internet),
        **{name: _words(name, codes) for name, codes in add_ons.items()},
        "contract": _words("contract", contract),
        "paperless_billing": paperless.astype(np.int8),
        "payment_method": _words("payment_method", payment),
        "monthly_charges": monthly,
        "total_charges": total,
    }
    return pd.DataFrame({name: columns[name] for name in COLUMNS}, copy=False)


def _choose(
    draw: np.random.Generator, group: NDArray[np.int8], rates: tuple[tuple[float, ...], ...]
) -> NDArray[np.int8]:
    """Return, per customer, a code drawn at the rates of its group."""
    import numpy as np

    bounds = np.cumsum(np.asarray(rates, dtype=np.float32), axis=1)[:, :-1]
    uniform = draw.random(len(group), dtype=np.float32)
    chosen: NDArray[np.int8] = np.zeros(len(group), dtype=np.int8)
    for column in range(bounds.shape[1]):
        chosen += uniform >= bounds[group, column]
    return chosen


def _tenure(draw: np.random.Generator, contract: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return months: many new customers with a monthly contract, many who reached the end with a long one."""
    import numpy as np

    low, high = np.array((0.65, 1.8, 2.6)), np.array((1.9, 1.3, 0.75))
    months = np.ceil(draw.beta(low[contract], high[contract]) * LONGEST_TENURE).clip(1, LONGEST_TENURE)
    unbilled = (contract > 0) & (draw.random(len(contract), dtype=np.float32) < 0.0035)
    return np.where(unbilled, 0, months).astype(np.int8)


def _billed(draw: np.random.Generator, monthly: NDArray[np.floating], tenure: NDArray[np.int8]) -> NDArray[np.floating]:
    """Return what customers were billed in all. A new customer has no bill yet.

    Prices moved while customers stayed, by less the longer the mean is taken over.
    """
    import numpy as np

    months = np.maximum(tenure, 1)
    drift = np.where(tenure > 1, draw.normal(0, 0.2, len(tenure)) / np.sqrt(months), 0.0).clip(-0.3, 0.5)
    return np.where(tenure > 0, np.round(monthly * tenure * (1 + drift), 2), np.nan)


def _words(column: str, codes: NDArray[np.int8] | NDArray[np.bool_]) -> pd.Categorical:
    import numpy as np
    import pandas as pd

    return pd.Categorical.from_codes(codes.astype(np.int8), categories=list(CATEGORIES[column]))

"""Features: what the model is told about one customer, worked out from that customer's row alone.

No value here depends on another row, so a feature is the same in training, in evaluation and for one customer
at noon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_churn.schema import CHURN, CUSTOMER_ID, OBSERVED_AT, PROTECTIONS, STREAMS

if TYPE_CHECKING:
    import pandas as pd

VERSION = "V1"
"""Of the feature view: a change of FEATURES, or of how one is worked out, takes the next."""

KEYS = (CUSTOMER_ID, OBSERVED_AT)
LABEL = CHURN
AUDIT = ("female", "senior_citizen")
"""Kept beside the features to compare groups of people; the model is not told them."""

WORDS = (
    "multiple_lines",
    "internet_service",
    *PROTECTIONS,
    *STREAMS,
    "contract",
    "payment_method",
)
NUMBERS = (
    "partner",
    "dependents",
    "tenure",
    "phone_service",
    "paperless_billing",
    "monthly_charges",
    "total_charges",
    "service_count",
    "protection_count",
    "streaming_count",
    "automatic_payment",
    "contract_months",
    "months_to_renewal",
    "charge_per_service",
    "charge_change",
)
FEATURES = (*WORDS, *NUMBERS)
"""What the model is told, in its order."""

COLUMNS = (*KEYS, *FEATURES, *AUDIT, LABEL)


def features_of(customers: pd.DataFrame) -> pd.DataFrame:
    """Return one row a customer, in the columns of ``COLUMNS``, for clean customers.

    service_count, protection_count, streaming_count: services the customer has, in all and of a kind.
    automatic_payment: 1 when the bill is paid without the customer doing anything.
    contract_months: 1, 12 or 24. months_to_renewal: until the running contract ends, were each renewed for
    its length.
    charge_per_service: monthly charge over services. charge_change: monthly charge less the mean of all
    months so far.
    """
    import numpy as np

    def has(*columns: str) -> pd.Series:
        return sum((customers[column] == "Yes").astype("int8") for column in columns)

    protection, streaming = has(*PROTECTIONS), has(*STREAMS)
    internet = (customers["internet_service"] != "No").astype("int8")
    services = customers["phone_service"] + has("multiple_lines") + internet + protection + streaming
    contract_months = customers["contract"].map({"Month-to-month": 1, "One year": 12, "Two year": 24}).astype("int8")
    tenure = customers["tenure"]
    mean_charge = np.where(tenure > 0, customers["total_charges"] / np.maximum(tenure, 1), customers["monthly_charges"])
    return customers.assign(
        service_count=services.astype("int8"),
        protection_count=protection.astype("int8"),
        streaming_count=streaming.astype("int8"),
        automatic_payment=customers["payment_method"]
        .isin(("Bank transfer (automatic)", "Credit card (automatic)"))
        .astype("int8"),
        contract_months=contract_months,
        months_to_renewal=((-tenure) % contract_months).astype("int8"),
        charge_per_service=customers["monthly_charges"] / np.maximum(services, 1),
        charge_change=customers["monthly_charges"] - mean_charge,
    )[list(COLUMNS)]

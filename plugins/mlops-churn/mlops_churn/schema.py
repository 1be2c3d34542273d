"""The customer: which columns a customer table has, and which values each may hold.

One row is one customer as observed at one instant. Both sources of customers keep to this schema.
"""

from __future__ import annotations

CUSTOMER_ID = "customer_id"
OBSERVED_AT = "observed_at"
CHURN = "churn"

YES_NO = ("No", "Yes")
ADD_ON = ("No", "Yes", "No internet service")

FLAGS = ("female", "senior_citizen", "partner", "dependents", "phone_service", "paperless_billing")
"""Columns of 0 and 1."""

CATEGORIES: dict[str, tuple[str, ...]] = {
    CHURN: YES_NO,
    "multiple_lines": ("No", "Yes", "No phone service"),
    "internet_service": ("No", "DSL", "Fiber optic"),
    "online_security": ADD_ON,
    "online_backup": ADD_ON,
    "device_protection": ADD_ON,
    "tech_support": ADD_ON,
    "streaming_tv": ADD_ON,
    "streaming_movies": ADD_ON,
    "contract": ("Month-to-month", "One year", "Two year"),
    "payment_method": (
        "Electronic check",
        "Mailed check",
        "Bank transfer (automatic)",
        "Credit card (automatic)",
    ),
}
"""Columns of words, and the words they may hold."""

PROTECTIONS = ("online_security", "online_backup", "device_protection", "tech_support")
STREAMS = ("streaming_tv", "streaming_movies")

RANGES: dict[str, tuple[float, float]] = {
    "tenure": (0, 1200),
    "monthly_charges": (0, 10_000),
    "total_charges": (0, 10_000_000),
}
"""Columns of amounts, and the least and most that is believable: months, and money in one currency."""

COLUMNS = (
    CUSTOMER_ID,
    OBSERVED_AT,
    CHURN,
    *FLAGS[:4],
    "tenure",
    "phone_service",
    "multiple_lines",
    "internet_service",
    *PROTECTIONS,
    *STREAMS,
    "contract",
    "paperless_billing",
    "payment_method",
    "monthly_charges",
    "total_charges",
)
"""Every column of a customer table, in order."""

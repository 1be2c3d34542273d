"""SQL: what each statement means here, and how a query reaches DuckDB."""

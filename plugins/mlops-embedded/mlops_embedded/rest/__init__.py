"""The REST API that snowflake-core speaks, and the SQL statements about the same objects."""

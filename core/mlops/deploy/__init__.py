"""Plans and their execution: what Snowflake holds, what it should hold, and the calls that lie between."""

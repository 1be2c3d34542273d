"""The only room that imports Snowflake's packages: it turns our values into Snowflake's objects and decides nothing."""

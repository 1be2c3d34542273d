"""From a graph to what Snowflake is to hold: job specifications, tasks and files. Pure: nothing here talks to Snowflake."""

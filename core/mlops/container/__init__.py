"""What a container of Snowflake is to mlops: how it is recognised, what it is told, and how one node runs in it."""

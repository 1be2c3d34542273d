"""Pruning: runs that nobody needs any more, on this machine and in Snowflake, and what is kept of them, are removed."""

"""Snowflake Scripting: blocks that are read whole, then run statement by statement in the session that asked."""

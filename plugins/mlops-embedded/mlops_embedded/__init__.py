"""An embedded Snowflake on loopback, for development and tests; never on the production path."""

from mlops_embedded.life import EmbeddedSnowflake, Running, ServerError, start, status, stop

__all__ = ["EmbeddedSnowflake", "Running", "ServerError", "start", "status", "stop"]

"""The HTTP server: Snowflake's session protocol, its query endpoint, and the room that /api/v2 is mounted in."""

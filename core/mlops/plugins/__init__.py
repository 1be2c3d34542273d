"""The door that plugins come in by: hook specifications, entry points, and what is known of each plugin."""

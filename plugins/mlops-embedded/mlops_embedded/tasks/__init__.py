"""Tasks: graphs of SQL statements, their schedules, their runs and the history of these."""

"""Calendars as datasets of mlops."""

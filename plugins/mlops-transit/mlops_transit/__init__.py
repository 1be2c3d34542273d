"""Demand of public transport: forecasts of rides, a model for each station."""

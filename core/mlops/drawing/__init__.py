"""Pictures of a graph, with or without a run of it: pure functions from values to text, standard library only."""

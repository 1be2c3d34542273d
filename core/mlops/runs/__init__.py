"""Wing one: a run on this machine, from a graph to committed datasets and a record of what happened."""

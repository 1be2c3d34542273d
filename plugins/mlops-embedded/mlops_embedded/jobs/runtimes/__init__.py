"""Runtimes: containers as processes of this machine, or of a container engine, and the images they are made of."""

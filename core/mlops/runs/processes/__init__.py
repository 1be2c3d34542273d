"""Processes: nodes in processes of their own, forked where the operating system can, else fresh interpreters."""

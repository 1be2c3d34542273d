"""Words in, answers out: each module parses the words of some commands, calls one service and prints the answer."""

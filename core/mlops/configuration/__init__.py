"""Configuration: what the project file, the environment and the command line say, checked and with its origins."""

"""New folders: a plugin or a project, rendered from templates without ever overwriting what is there."""

"""Tasks: one file each, and one line in `registry.TASKS`."""

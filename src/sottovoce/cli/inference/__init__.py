"""The commands that run a model on recordings: one file for each task; `recordings` holds what they share."""

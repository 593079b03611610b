"""The commands that work on models, corpora, recipes and runs: one file for each, named by what it is about."""

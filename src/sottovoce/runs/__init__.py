"""Recipes carried out: from the file to a directory with models, results and a report.

`compression`      `compress`: carry out a recipe, or go on with it
`recipe`           `Recipe`: all sections together, with the stages of the registry
`recipe_file`      `read_recipe`: a recipe from a YAML file with changes, and all its faults at once
`stages`           the stages, one file each, and what they share
`preflight`        what can be known to go wrong in a later stage before the first one trains
`teachers`         teachers whose outputs are imitated
`provenance`       what a model went through, for its card
`run_directory`    `RunDirectory`: everything that a run leaves on disk
`metrics_log`      what a run records of its steps
`scaled_down`      a full-scale recipe as a smoke test or a dry run
`recipe_check`     one real step of every stage of a recipe, and an estimate of the whole
`probing`          `probe`: what an encoder knows of every task without being trained for it
"""

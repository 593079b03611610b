"""Execution of recipes: from the file to a directory with models, results and a report.

`compression`      `compress`: carry out a recipe, or resume it
`recipe`           `Recipe`: all sections together, with the registered stages
`recipe_file`      `read_recipe`: a recipe from a YAML file with changes, and all its faults at once
`stages`           the stages, one file each, and what they share
`preflight`        checks of later stages before the first one trains
`teachers`         teachers whose outputs are imitated
`provenance`       how a model was made, for its card
`run_directory`    `RunDirectory`: everything that a run leaves on disk
`metrics_log`      metrics of training steps on disk
`scaled_down`      a full-scale recipe as a smoke test or a dry run
`recipe_check`     one real step of every stage of a recipe, and an estimate of the full run
`probing`          `probe`: the quality of a frozen encoder on every task
"""

"""The sections of a recipe and their checks. Nothing here trains; `sottovoce.runs` combines them into a `Recipe`.

`data_section`            the data section, and the corpora of a run
`corpus_options`          one corpus: synthesized, imported, given as manifests, or made from another
`held_out`                development trials over held-out training speakers
`encoder_options`         the encoder section: a checkpoint, or the widths of a new network
`budget_options`          the budget section
`stage_options`           options and methods that all stages share
`training/`               options of stages that train: schedules, clipping, selection of weights, augmentation
`distillation_options`    the distillation section of a stage
`shrinking_options`       options that all stages share that make a network smaller
`network_forecast`        what is known about the network between two stages before anything is trained
`stage_names`             names of stages, and where each starts from
`amounts`                 types of values with bounds
`yaml_file`               recipes as YAML files: ``extends``, tags, environment variables
`packaged`                the recipes that come with sottovoce
"""

"""The sections of a recipe and their checks. Nothing here trains; `sottovoce.runs` composes them to a `Recipe`.

`data_section`            the data section, and the corpora of a run
`corpus_options`          one corpus: synthesized, imported, given as manifests, or made of another
`held_out`                development trials over training speakers that are held out
`augmentation`            effects on training audio, masks on features
`encoder_options`         the encoder section: a checkpoint, or the widths of a new network
`budget_options`          the budget section
`stage_options`           what every stage has and can say of itself
`training_stage_options`  what stages that train share
`distillation_options`    what a stage imitates
`shrinking_options`       what stages that make a network smaller share
`network_forecast`        what is known of the network between two stages before anything is trained
`stage_names`             names of stages, and where each starts from
`amounts`                 types of values, with bounds
`yaml_file`               recipes as YAML files: ``extends``, tags, environment variables
`packaged`                the recipes that come with sottovoce
"""

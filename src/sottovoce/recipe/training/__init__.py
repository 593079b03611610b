"""The options of stages that train.

`training_stage_options`  options that all training stages share
`schedule_options`        how learning rates fall after the warm-up
`clip_options`            gradient clipping
`selection_options`       when a stage ends, and which weights it ends with
`augmentation`            effects on training audio, masks on features
`noise_options`           additive noise
"""

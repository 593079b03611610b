"""Checks of what goes into an encoder and what comes out of it.

`checked_config`  the base class of our configs, which refuses unknown fields and wrong values
`config_rules`    the values that an `EncoderConfig` may have
`values`          rules for values
`inputs`          the arguments of a forward pass
`masks`           lengths from an attention mask
`finite`          weights that are NaN or infinite
`finite_outputs`  outputs that are NaN or infinite
"""

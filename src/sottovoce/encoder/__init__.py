"""The encoder: one network for every family. Nothing here depends on pruning, tasks or training.

`model`            `SpeechEncoder`, the encoder as a model of Transformers
`network`          `EncoderNetwork`, the encoder without the base class of Transformers
`config`           `EncoderConfig`, and the shape: how wide each part is
`build`            builds the parts of an encoder from its config
`stream`           the residual stream
`units`            how a module declares what can be removed from it
`unit_kinds`       the kinds of unit: what each is called, and how its widths are rounded
`output`           the output of an encoder
`single_device`    a module that knows its device and dtype
`evaluation_mode`  networks in evaluation mode for the length of a block
`frontend/`        from the waveform to the residual stream
`layers/`          the layers and what they are made of
`streaming/`       an encoder on audio that arrives in pieces
`loading/`         from checkpoint files to a model, and back
`checks/`          checks of configs, inputs, weights and outputs

No `__init__` in this folder imports anything: a portable model directory holds copies of these files, all in one folder.
"""

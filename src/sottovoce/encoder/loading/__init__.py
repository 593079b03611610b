"""From checkpoint files to a model, and from a model to files.

`pretrained`       strict ``from_pretrained``, and ``save_pretrained`` with the modeling code
`loading_options`  the options of ``from_pretrained``
`model_names`      what the name of a model stands for
`model_files`      the files of a model, in a directory or on the hub
`hub`              downloads from the hub
`weight_files`     tensors from the weight files of a model
`format_registry`  the readers of other checkpoint formats
`provider`         how the encoder uses packages that it must not import
`portable_files`   the modeling code beside the weights of a portable copy
`uninitialized`    building modules whose weights are loaded afterwards
`recomputed`       layers that support gradient checkpointing
"""

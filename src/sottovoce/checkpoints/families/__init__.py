"""Families of stock Transformers encoders, one file for each.

`family`       what a family is: a value of `Family`
`known`        all of them, those of other packages too
`common`, `transformer_family`, `conformer`   what several families share
`key_map`      which stock tensor is which of ours
`uniform_shapes`  whether a shape is one that a stock class can have

The other modules are the families: ``wavlm``, ``hubert``, ``wav2vec2``, ``data2vec_audio``, ``unispeech_sat``,
``wav2vec2_bert`` and ``wav2vec2_conformer``. A new one is one file and one line in `known`; in another package it is one
file and an entry point of the group ``sottovoce.families``.
"""

"""Task networks on the hidden states of an encoder.

`registry`            every head by the name that configs use; other packages add theirs by an entry point
`embedders`           the heads that make one vector of an utterance, and `build`, which makes a head from a config
`head`                `Head` and `Embedder`: what all heads have in common
`options`             how a constructor declares its options and their bounds, and how a config is checked against it
`layer_aggregation`   all hidden states into one sequence of frames: the last, a weighted sum, adapters
`layer_sum_head`      the heads that read one such sequence
`classifier`, `mean_classifier`   an utterance into classes
`frames`, `conformer` building blocks: operations on padded frames, and Conformer layers
`speaker/`            embeddings of speakers
`spoofing/`           embeddings for anti-spoofing
`framewise/`          an output for every frame: speakers, classes
`sequence/`           labels for a sequence: CTC and transducer

A portable copy of a model carries these files flat, so nothing is imported here.
"""

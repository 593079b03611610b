"""Task networks on the hidden states of an encoder.

`registry`            every head by the name that configs use; other packages add theirs by an entry point
`embedders`           the heads that turn an utterance into one vector, and `build`, which makes a head from a config
`head`                `Head` and `Embedder`: base classes of all heads
`options`             how a constructor declares its options and their bounds, and how a config is checked against it
`layer_aggregation`   how all hidden states become one sequence of frames: the last, a weighted sum, adapters
`layer_sum_head`      base class of the heads that read one such sequence
`classifier`, `mean_classifier`   classification of utterances
`on_waveform`         what heads share that read the waveform itself
`frames`, `conformer` building blocks: operations on padded frames, and Conformer layers
`speaker/`            embeddings of speakers
`spoofing/`           embeddings for anti-spoofing
`framewise/`          an output for every frame: speakers, classes
`sequence/`           labels for a sequence: CTC and transducer

These files are copied flat into portable model directories, so nothing is imported here.
"""

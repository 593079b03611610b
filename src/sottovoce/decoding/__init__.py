"""From scores to labels and text.

Modules:
    text_decoders: `text_decoder`: the decoder of a recognizer, `CTCDecoder` or `TransducerDecoder`.
    ctc, ctc_prefix_beam: greedy and prefix beam search for CTC.
    transducer: greedy and beam search for transducers.
    streams, transducer_streams: the same searches for audio that arrives in parts.
    language_model, ngram, ngram_matching: n-gram language models, read from ARPA files and matched to labels.
    vocabulary: text to labels and back.
    timing: times of words; CTM.
    hypothesis: the result of a search.
    slu/: from the outputs of SLU models to intents and slots.
"""

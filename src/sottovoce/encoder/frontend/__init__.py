"""From the waveform to the residual stream.

`waveform_frontend`  strided convolutions or a filterbank, then norm and projection
`samples`            the waveform itself, for heads with a front end of their own
`without_layers`     configs of encoders that are a front end and nothing else
`filterbank`         log filterbanks as a function of the waveform
`feature_norm`       normalization of their features, over the utterance or over the past
`downsampling`       merges several frames into one
"""

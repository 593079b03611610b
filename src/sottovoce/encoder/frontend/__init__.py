"""From the waveform to the residual stream.

`waveform_frontend`  strided convolutions or a filterbank, then norm and projection
`samples`            the waveform itself, for heads with a front end of their own
`without_layers`     configs of encoders that are a front end and nothing else
`filterbank`         log filterbanks as a function of the waveform
`mel_analysis`       their windows, spectra and bins, as the toolkits of the field compute them
`feature_norm`       normalization of their features, over the utterance or over the past
`as_stream`          what stands in the projection's place in an encoder without layers
`downsampling`       merges several frames into one
"""

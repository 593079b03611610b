"""RawNet3, on hidden states and on the waveform.

`rawnet3`          the network on hidden states
`sinc_filterbank`  a learned filterbank on the waveform
`sinc_rawnet3`     the whole network on the waveform, as published
"""

"""Heads that make speaker embeddings.

`mhfa`, `direct_pooling`   small heads: attention over layers and frames; layer adapters and a pooling
`x_vector`, `ecapa_tdnn`, `mfa_conformer`, `ska_tdnn`   published networks on the hidden states of the encoder
`rawnet/`                  RawNet3, on hidden states and on the waveform
`plain_xvector`            the head of the stock ``...ForXVector`` classes
`pooling_head`, `pooling`  base classes: a frame-level network, and a pooling of its frames into one vector
`frame_statistics`         weighted mean and deviation of frames
`channels_as_bins`         the channels of the stream as the bins of a spectrum
`res2`                     the cascade of channel groups in Res2 blocks
"""

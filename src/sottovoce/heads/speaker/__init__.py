"""Heads that make an embedding of a speaker.

`mhfa`, `direct_pooling`   small heads: attention over layers and frames; layer adapters and a pooling
`x_vector`, `ecapa_tdnn`, `rawnet3`, `mfa_conformer`, `ska_tdnn`   published networks, on features of the encoder
`plain_xvector`            the head of the stock ``...ForXVector`` classes
`pooling_head`, `pooling`  what they are made of: frames, and how they become one vector
`res2`                     groups of channels that feed one another
"""

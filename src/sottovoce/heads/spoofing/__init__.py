"""Heads that make embeddings for anti-spoofing.

`aasist`   graphs over spectrum and time
`sls`      a gate for each hidden state
`graph_attention`, `residual_map`, `spectral_maps`, `map_pooling`   their building blocks
"""

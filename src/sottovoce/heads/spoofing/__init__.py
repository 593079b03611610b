"""Heads that make embeddings for anti-spoofing.

`aasist`        graphs over spectrum and time, on hidden states
`sinc_aasist`   the same on the waveform, as first published
`sls`           a gate for each hidden state
`stack_graphs`, `graph_attention`, `residual_map`, `spectral_maps`, `map_pooling`, `sinc_filters`   their building blocks
"""

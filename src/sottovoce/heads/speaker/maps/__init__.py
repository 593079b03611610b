"""Speaker embedders that read the filterbank as a map of bins and time, with two-dimensional convolutions.

`map_block`     the blocks of residual networks
`map_embedder`  pooling of a map whose frames are farther apart than those of the encoder
`cam_plus_plus`  CAM++
`context_masking`  its dense time-delay layers
`resnet`        ResNet18 to ResNet293
"""

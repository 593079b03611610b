"""The layers of an encoder and what they are made of.

`blocks`                  the three kinds of layer
`layer_builder`           builds a layer of given widths
`attention`               self-attention
`positions`               the position schemes of attention
`feed_forward`            the feed-forward block
`conformer_convolution`   the convolution module of a Conformer layer
`positional_convolution`  the convolution that adds positions before the first layer
`low_rank`                a linear map as the product of two narrow ones
`frame_masks`             masks of the valid frames of a batch
`hop_frames`              one frame for every hop of samples, as s3prl has it
`norms`                   normalization over time
`activations`             the activations by name
`convolution`             strided convolutions of the front end
`fft_convolution`         convolutions with a long kernel by the Fourier transform
`safe_convolution`        convolutions that are correct on a CPU in low precision too
"""

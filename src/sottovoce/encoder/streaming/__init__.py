"""An encoder on audio that arrives in pieces.

`encoder_stream`  `EncoderStream`: pieces of audio in, frames out
`chunks`          attention in chunks of frames
`cache`           the state of a stream
"""

"""The formats of audio files, as far as their length and completeness depend on them.

Modules:
    lengths: `decoder_inputs`: the input with which libsndfile decodes all of a file.
    containers: `audio_span`: where the audio lies, by the header.
    flac_frames, mpeg, ogg_pages: the frames or pages of each format.
    file_bytes: `FileBytes`: the bytes of a file, read on demand.
"""

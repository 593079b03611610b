"""From audio files to waveforms ``[S]`` of one channel at 16 kHz.

Modules:
    reading: `read_audio`, `read_speech`, `audio_shape`: whole files or stretches of files.
    long_audio: `audio_pieces`, `speech_parts`: files that are too long for memory.
    sources: what a user can name as audio: files, standard input, named pipes.
    channels: the choice of a channel.
    decoder: an open file, decoded by libsndfile.
    ffmpeg: files that only ffmpeg reads.
    spool: temporary copies of streams and of decoded files.
    formats/: where the audio lies in each container format, and whether it is complete.
    file_search, suffixes: audio files below a folder.
    frames: the frames of encoders: 25 ms every 20 ms.
    speech_detection: `detect_speech` by energy.
    acoustics: rooms, noise, microphones.
"""

"""Corpora as Lhotse cuts: importing, checking, reading.

Modules:
    manifests: `import_corpus`: a corpus of any layout becomes one manifest for each split.
    layouts/: a registry of the layouts of corpora on disk.
    validation, audio_extraction: the checks of the import, and the audio that it writes as FLAC.
    cuts: reading and writing of manifests; making and loading of cuts.
    cut_checks: checks of a cut that need only its manifest.
    audio_check: `check_audio`: all audio of a manifest, decoded.
    cut_records, summary: manifests without Lhotse, and their statistics.
    rttm: RTTM and UEM files.
    shar: audio in the tars of Lhotse Shar.
"""

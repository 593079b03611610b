"""Corpora as Lhotse cuts: importing, checking, reading.

Modules:
    manifests: `import_corpus`: a corpus of any layout becomes one manifest for each split.
    layouts/: the layouts of corpora on disk, a registry.
    validation, audio_extraction: what the import checks, and writes as FLAC.
    cuts: cuts and manifests in and out; `load_cut`.
    cut_checks: why a cut cannot be used, by its manifest alone.
    audio_check: `check_audio`: all audio of a manifest, decoded.
    cut_records, summary: manifests without Lhotse, and their statistics.
    rttm: RTTM and UEM files.
    shar: audio in the tars of Lhotse Shar.
"""

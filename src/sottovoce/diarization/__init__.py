"""Who spoke when, in recordings of any length.

Modules:
    pipeline: `diarize`, and its steps `segment`, `embed_speakers` and `reconstruct`; `DiarizationSettings`.
    models: task models as segmentation and embedding models of the pipeline.
    audio_file, windows: audio of any length, and windows over it.
    powerset, loss: the output classes of segmentation models, and their permutation-invariant loss.
    pooling: embeddings of the speakers of each window.
    ahc, vbx, plda: clustering of embeddings.
    plda_files: PLDAs of ours and of released models.
    tuned_settings: the settings that a released model brings along.
    assignment, stitching: from clusters of windows to turns.
    speaker_count: known or bounded numbers of speakers.
"""

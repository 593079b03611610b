"""Corpora in, batches out: audio files, Lhotse cuts, importers, synthetic speech, augmentation."""

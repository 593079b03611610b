"""The network: one `SpeechEncoder` for every family. Knows nothing of pruning, tasks or training."""

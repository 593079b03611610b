"""From corpora to batches. A subpackage imports only from those below it in this list.

Subpackages:
    synthesis/: synthetic corpora, simulated conversations, copy synthesis.
    batches/: training and evaluation batches, samplers, augmentation, targets.
    corpora/: Lhotse cuts, importing and checking corpora, their layouts, RTTM and UEM.
    audio/: audio files in, waveforms at 16 kHz out; acoustics.
"""

"""Batches as pure functions of (seed, step, rank).

Modules:
    batches: `StepBatches` for training, `EvaluationBatches`, and their `BatchLoader`.
    windows: `WindowBatches`: all windows of all utterances, with labels.
    samplers: the order of the utterances.
    targets: the labels of a batch: classes, SLU classes, token sequences.
    speaker_activity: the targets of diarization.
    effects: what all data augmentation has in common; noise, rooms, rawboost, codecs: the effects.
    cache: `AudioCache`: all decoded audio of a corpus in memory.
    unlabeled_speech: `speech_batches`: batches from a folder of audio.
"""

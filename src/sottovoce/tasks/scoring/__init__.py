"""Scoring of models on data.

`embedding`            embeddings of many utterances
`speaker_scoring`      scores of trials: back-end, AS-norm and calibration
`diarization_scores`   error rates of windows and of whole recordings
"""
